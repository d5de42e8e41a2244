/** What the Slack bot is told: secrets from variables or files, the rest from its policy file. */
import { existsSync, readFileSync } from 'node:fs';
import { ClientError, EXIT } from '../errors.ts';
import { readPolicy } from './policy.ts';
import type { SlackPolicy } from './policy.ts';

/** How Slack reaches the bot: requests that it signs, or a connection that the bot opens. */
export type Delivery =
  | { readonly kind: 'http'; readonly port: number; readonly signingSecret: string }
  | { readonly kind: 'socket'; readonly appToken: string };

export interface SlackSettings {
  readonly botToken: string;
  readonly delivery: Delivery;
  readonly policy: SlackPolicy;
  /** Of the Web API, where it is not Slack's own; with a slash at its end. */
  readonly apiUrl?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `SLACK_BOT_TOKEN`, `SLACK_SIGNING_SECRET` and `SLACK_APP_TOKEN` (each also as `…_FILE`, the path of a file
 * that holds it), `ZONEWRIGHT_SLACK_POLICY`, `ZONEWRIGHT_SLACK_PORT` and `SLACK_API_URL`.
 *
 * @throws {ClientError} naming the variable that is missing
 * @throws {InvalidInput} when the policy file is wrong
 */
export function slackSettings(env: Environment = process.env): SlackSettings {
  const botToken = required(env, 'SLACK_BOT_TOKEN', 'the token of the bot user (xoxb-…)');
  const policyFile = env['ZONEWRIGHT_SLACK_POLICY'];
  if (!policyFile)
    throw missing('ZONEWRIGHT_SLACK_POLICY', 'the path of the policy file (see docs/slack.md)');
  const apiUrl = env['SLACK_API_URL'];
  return {
    botToken,
    delivery: deliveryOf(env),
    policy: readPolicy(policyFile),
    ...(apiUrl ? { apiUrl } : {}),
  };
}

/** Socket mode where there is a token for it. */
function deliveryOf(env: Environment): Delivery {
  const appToken = secret(env, 'SLACK_APP_TOKEN');
  if (appToken !== undefined) return { kind: 'socket', appToken };
  const expected = 'the signing secret of the app, or SLACK_APP_TOKEN for socket mode';
  const signingSecret = required(env, 'SLACK_SIGNING_SECRET', expected);
  const port = Number(env['ZONEWRIGHT_SLACK_PORT'] || 3000);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return { kind: 'http', port, signingSecret };
  throw new ClientError(EXIT.usage, `Cannot listen on port "${env['ZONEWRIGHT_SLACK_PORT']}"`, {
    expectation: 'ZONEWRIGHT_SLACK_PORT from 0 to 65535',
  });
}

function required(env: Environment, name: string, what: string): string {
  const value = secret(env, name);
  if (value === undefined) throw missing(name, what);
  return value;
}

const missing = (name: string, what: string): ClientError =>
  new ClientError(EXIT.usage, `Cannot start the Slack bot: ${name} is not set`, { expectation: what });

/** A secret's value is never part of a message. */
function secret(env: Environment, name: string): string | undefined {
  const file = env[`${name}_FILE`];
  if (!file) return env[name]?.trim() || undefined;
  if (!existsSync(file)) {
    throw new ClientError(EXIT.usage, `Cannot read "${file}", which ${name}_FILE names: it does not exist`);
  }
  return readFileSync(file, 'utf8').trim() || undefined;
}
