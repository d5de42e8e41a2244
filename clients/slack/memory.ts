/**
 * Which message belongs to which operation. Slack itself remembers it: every message and every line of a thread
 * carries metadata that only the bot's app can write and read, so that a bot that starts anew, or that does not know
 * whether its post arrived, looks first and adopts what is its own.
 */
import type { webApi } from '@slack/bolt';

export const MESSAGE_EVENT = 'zonewright_operation';
export const LINE_EVENT = 'zonewright_line';

const PAGE = 200;
const PAGES = 10;
const DAYS = 30;

export interface Remembered {
  readonly ts: string;
  /** Identity over all runs. */
  readonly operation: string;
  /** Workflow id and run. */
  readonly id: string;
  readonly runId: string;
  readonly ended: boolean;
}

interface Found {
  readonly ts?: string;
  readonly bot_id?: string;
  readonly metadata?: { readonly event_type?: string; readonly event_payload?: Record<string, unknown> };
}

/** The bot's messages in the channel of the last 30 days; of two about one operation the first. */
export async function recall(
  slack: webApi.WebClient,
  channel: string,
  botId: string,
): Promise<Map<string, Remembered>> {
  const oldest = String(Math.floor(Date.now() / 1000) - DAYS * 86_400);
  const found = new Map<string, Remembered>();
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const { messages = [], response_metadata: more } = await slack.conversations.history({
      channel,
      oldest,
      limit: PAGE,
      include_all_metadata: true,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const message of messages as readonly Found[]) {
      const one = operationOf(message, botId);
      const known = one && found.get(one.operation);
      if (one && (known === undefined || Number(one.ts) < Number(known.ts))) found.set(one.operation, one);
    }
    cursor = more?.next_cursor || undefined;
    if (cursor === undefined) break;
  }
  return found;
}

function operationOf({ ts, bot_id: by, metadata }: Found, botId: string): Remembered | undefined {
  if (ts === undefined || by !== botId || metadata?.event_type !== MESSAGE_EVENT) return undefined;
  const { operation, id, run, ended } = metadata.event_payload ?? {};
  if (typeof operation !== 'string' || typeof id !== 'string' || typeof run !== 'string') return undefined;
  return { ts, operation, id, runId: run, ended: ended === true };
}

/** Keys of the lines that a thread has already. */
export async function recallLines(
  slack: webApi.WebClient,
  channel: string,
  ts: string,
): Promise<Set<string>> {
  const keys = new Set<string>();
  let cursor: string | undefined;
  do {
    const { messages = [], response_metadata: more } = await slack.conversations.replies({
      channel,
      ts,
      limit: PAGE,
      include_all_metadata: true,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { metadata } of messages as readonly Found[]) {
      const key = metadata?.event_type === LINE_EVENT ? metadata.event_payload?.['key'] : undefined;
      if (typeof key === 'string') keys.add(key);
    }
    cursor = more?.next_cursor || undefined;
  } while (cursor !== undefined);
  return keys;
}
