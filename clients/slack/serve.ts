/** Runs the Slack bot until it is told to end. */
import { once } from 'node:events';
import { withTemporal } from '../cli/connect.ts';
import { SlackBot, PATH } from './bot.ts';
import { slackSettings } from './settings.ts';

/**
 * Returns after SIGTERM or SIGINT.
 *
 * @throws {ClientError} before anything is answered, when a setting is missing or Slack refuses
 */
export async function serveSlack(log: (line: string) => void): Promise<void> {
  const settings = slackSettings();
  await withTemporal(async (session) => {
    const bot = new SlackBot({ session, settings, log });
    const port = await bot.start();
    const how = settings.delivery.kind === 'socket' ? 'in socket mode' : `on port ${port}, path ${PATH}`;
    log(`the Slack bot answers ${how}; operations of namespace "${session.context.temporal.namespace}"`);
    const told = new AbortController();
    try {
      const { signal } = told;
      await Promise.race([once(process, 'SIGTERM', { signal }), once(process, 'SIGINT', { signal })]);
    } finally {
      told.abort();
      await bot.stop();
    }
  });
}
