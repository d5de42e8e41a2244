/** Writes to the channel: one request after the other, no faster than Slack takes them. */
import { webApi } from '@slack/bolt';
import { setTimeout as sleep } from 'node:timers/promises';
import { LINE_EVENT, MESSAGE_EVENT } from './memory.ts';
import type { Remembered } from './memory.ts';

/** Slack takes about one message a second in a channel. */
const SPACE_MS = 1_100;

export interface Message {
  readonly text: string;
  readonly blocks: object[];
}

export class Channel {
  readonly #slack: webApi.WebClient;
  readonly #channel: string;
  readonly #signal: AbortSignal;
  readonly #spaceMs: number;
  #freeAt = 0;

  /** @param slack one that rejects rate-limited calls instead of repeating what may be stale by then */
  constructor(slack: webApi.WebClient, channel: string, signal: AbortSignal, spaceMs = SPACE_MS) {
    this.#slack = slack;
    this.#channel = channel;
    this.#signal = signal;
    this.#spaceMs = spaceMs;
  }

  /** @returns the message's `ts` */
  async post({ text, blocks }: Message, about: Omit<Remembered, 'ts'>): Promise<string> {
    const { ts = '' } = await this.#send(() =>
      this.#slack.chat.postMessage({
        ...this.#common,
        text,
        blocks: blocks as never,
        metadata: metadataOf(about),
      }),
    );
    return ts;
  }

  async update({ text, blocks }: Message, about: Remembered): Promise<void> {
    await this.#send(() =>
      this.#slack.chat.update({
        channel: this.#channel,
        ts: about.ts,
        text,
        blocks: blocks as never,
        metadata: metadataOf(about),
      }),
    );
  }

  /** A line in the thread of a message. */
  async line(ts: string, key: string, text: string): Promise<void> {
    const metadata = { event_type: LINE_EVENT, event_payload: { key } };
    await this.#send(() => this.#slack.chat.postMessage({ ...this.#common, thread_ts: ts, text, metadata }));
  }

  get #common() {
    return { channel: this.#channel, unfurl_links: false, unfurl_media: false };
  }

  async #send<T>(request: () => Promise<T>): Promise<T> {
    await sleep(Math.max(0, this.#freeAt - Date.now()), undefined, { signal: this.#signal });
    this.#freeAt = Date.now() + this.#spaceMs;
    try {
      return await request();
    } catch (error) {
      const seconds = retryAfter(error);
      if (seconds !== undefined) this.#freeAt = Date.now() + seconds * 1_000;
      throw error;
    }
  }
}

const metadataOf = ({ operation, id, runId, ended }: Omit<Remembered, 'ts'>) => ({
  event_type: MESSAGE_EVENT,
  event_payload: { operation, id, run: runId, ended },
});

/** Seconds that Slack wants to be left alone; undefined for any other error. */
export function retryAfter(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== webApi.ErrorCode.RateLimitedError)
    return undefined;
  return 'retryAfter' in error ? Number(error.retryAfter) : 1;
}
