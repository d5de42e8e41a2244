/** The Slack bot: takes what Slack delivers, answers whoever asked, and keeps the board. */
import { App, HTTPReceiver, LogLevel, SocketModeReceiver, webApi } from '@slack/bolt';
import type { Receiver } from '@slack/bolt';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../cli/connect.ts';
import { ClientError, EXIT } from '../errors.ts';
import { Board } from './board.ts';
import type { BoardOptions } from './board.ts';
import { Channel, retryAfter } from './channel.ts';
import { COMMANDS } from './commands.ts';
import type { StartCommand } from './commands.ts';
import { installHandlers } from './handlers.ts';
import { slackLogger } from './log.ts';
import { Permissions } from './permissions.ts';
import type { Delivery, SlackSettings } from './settings.ts';
import { Wishes } from './wishes.ts';

export interface BotOptions {
  readonly session: Session;
  readonly settings: SlackSettings;
  readonly commands?: readonly StartCommand[];
  /** A line about what goes wrong; holds no secret. */
  readonly log: (line: string) => void;
  /** How often the list of operations is read. */
  readonly lookMs?: number;
  /** Least time between two messages to the channel. */
  readonly spaceMs?: number;
  readonly stepsMs?: BoardOptions['stepsMs'];
}

const LOOK_MS = 2_000;
/** A bot that has not brought its messages up to date for so long is not well. */
const STALE_MS = 120_000;
export const PATH = '/slack/events';

export class SlackBot {
  readonly #options: BotOptions;
  readonly #app: App;
  readonly #stop = new AbortController();
  #looking: Promise<void> = Promise.resolve();
  #lookedAt = Date.now();

  constructor(options: BotOptions) {
    const { session, settings, log } = options;
    const { botToken: token, policy, apiUrl } = settings;
    const clientOptions = {
      ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
      logger: slackLogger(log),
    };
    const receiver = receiverOf(settings.delivery, log, () => Date.now() - this.#lookedAt < STALE_MS);
    this.#options = options;
    this.#app = new App({
      token,
      receiver,
      clientOptions,
      logger: slackLogger(log),
      deferInitialization: true,
    });
    const permissions = new Permissions(policy, this.#app.client);
    const wishes = new Wishes(session, permissions, policy, options.commands ?? COMMANDS);
    installHandlers(this.#app, wishes, policy.channel);
    this.#app.error((error) => Promise.resolve(log(`error: ${error.message}`)));
  }

  /**
   * Returns once it listens and may write to the channel.
   *
   * @returns the port it listens on; 0 in socket mode
   * @throws {ClientError} when Slack does not take the token, or the channel is not open to the bot
   */
  async start(): Promise<number> {
    const { settings, session, log, spaceMs, stepsMs } = this.#options;
    const { botToken, apiUrl, policy, delivery } = settings;
    const slack = new webApi.WebClient(botToken, {
      ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
      rejectRateLimitedCalls: true,
      retryConfig: { retries: 0 },
      logger: slackLogger(log),
    });
    const botId = await whoAmI(slack, policy.channel);
    await this.#app.init();
    const server = await (delivery.kind === 'http' ? this.#app.start(delivery.port) : this.#app.start());
    const board = new Board({
      temporal: session.client,
      slack,
      channelId: policy.channel,
      botId,
      channel: new Channel(slack, policy.channel, this.#stop.signal, spaceMs),
      link: linkOf(policy.temporalUi, session.context.temporal.namespace),
      onError: (what, error) =>
        log(`error: ${what}: ${error instanceof Error ? error.message : String(error)}`),
      ...(stepsMs === undefined ? {} : { stepsMs }),
    });
    this.#looking = this.#look(board);
    const address = server && 'address' in server ? server.address() : null;
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#looking;
    await this.#app.stop();
  }

  async #look(board: Board): Promise<void> {
    const { signal } = this.#stop;
    const { lookMs = LOOK_MS, log } = this.#options;
    while (!signal.aborted) {
      const rest = await board.look().then(
        () => {
          this.#lookedAt = Date.now();
          return lookMs;
        },
        (error: unknown) => {
          if (signal.aborted) return 0;
          log(`error: Cannot keep the messages: ${error instanceof Error ? error.message : String(error)}`);
          return Math.max(lookMs, (retryAfter(error) ?? 0) * 1_000);
        },
      );
      await sleep(rest, undefined, { signal }).catch(() => undefined);
    }
  }
}

function receiverOf(delivery: Delivery, log: BotOptions['log'], isWell: () => boolean): Receiver {
  const logger = slackLogger(log);
  if (delivery.kind === 'socket') return new SocketModeReceiver({ appToken: delivery.appToken, logger });
  return new HTTPReceiver({
    signingSecret: delivery.signingSecret,
    endpoints: PATH,
    logger,
    logLevel: LogLevel.WARN,
    customRoutes: [
      {
        path: '/healthz',
        method: 'GET',
        handler: (_, response) => void response.writeHead(isWell() ? 200 : 503).end(),
      },
    ],
  });
}

/** Id of the bot, once it is sure that the channel can be read. */
async function whoAmI(slack: webApi.WebClient, channel: string): Promise<string> {
  try {
    const { bot_id: id = '' } = await slack.auth.test();
    await slack.conversations.history({ channel, limit: 1 });
    return id;
  } catch (error) {
    throw new ClientError(EXIT.usage, `Cannot use channel "${channel}" of Slack`, {
      cause: error,
      expectation: 'a token that Slack takes, and a channel that the bot was invited to',
    });
  }
}

const linkOf =
  (base: string | undefined, namespace: string): BoardOptions['link'] =>
  ({ id, runId }) =>
    base === undefined
      ? undefined
      : `${base.replace(/\/$/, '')}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}/${runId}`;
