/** Keeps one message for each operation at what the operation says. */
import type { webApi } from '@slack/bolt';
import type { Client } from '@temporalio/client';
import type { Explanation, Progress } from '../../domain/explain.ts';
import { explainOperation, progressOf } from '../controls.ts';
import { ClientError } from '../errors.ts';
import { listOperations } from '../operations.ts';
import type { OperationSummary } from '../operations.ts';
import { messageOf } from './blocks.ts';
import { retryAfter } from './channel.ts';
import type { Channel } from './channel.ts';
import { recall, recallLines } from './memory.ts';
import type { Remembered } from './memory.ts';
import { threadOf } from './thread.ts';

export interface BoardOptions {
  readonly temporal: Client;
  /** For reading what the channel remembers. */
  readonly slack: webApi.WebClient;
  readonly channelId: string;
  readonly botId: string;
  readonly channel: Channel;
  /** Address of an operation in the Temporal UI. */
  readonly link: (operation: Pick<OperationSummary, 'id' | 'runId'>) => string | undefined;
  readonly onError: (what: string, error: unknown) => void;
  /** How often the steps of an operation are asked for: while it works, and while it waits. */
  readonly stepsMs?: { readonly working: number; readonly waiting: number };
}

/** An operation as the list says it, or as a message remembers it. */
type Followed = Pick<OperationSummary, 'id' | 'runId' | 'operation' | 'startedAt' | 'said'> & {
  readonly endedAt?: string | undefined;
};

interface Shown {
  /** What was sent last. */
  message?: string;
  lines?: Set<string>;
  said?: string;
  progress?: Progress | undefined;
  /** When the steps were asked for. */
  askedAt: number;
}

const MOST = 200;
const STEPS_MS = { working: 4_000, waiting: 30_000 };
/** A list may lag behind; what has ended is looked for so far back. */
const LAG_MS = 60_000;

export class Board {
  readonly #options: BoardOptions;
  readonly #shown = new Map<string, Shown>();
  #remembered: Map<string, Remembered> | undefined;
  #since: Date | undefined;

  constructor(options: BoardOptions) {
    this.#options = options;
  }

  /**
   * One look: reads the list, and brings the messages that differ to what it says. What cannot be sent is
   * left to the next look, which begins with what Slack has.
   */
  async look(): Promise<void> {
    const { temporal, onError } = this.#options;
    const remembered = await this.#recalled();
    const began = new Date();
    const since = (this.#since ??= lastSeen(remembered) ?? began);
    const listed = await listOperations(temporal, { endedSince: since, limit: MOST });
    const known = new Set(listed.map(({ operation }) => operation));
    const vanished = [...remembered.values()].filter(
      ({ operation, ended }) => !ended && !known.has(operation),
    );
    let failed = 0;
    for (const one of [...listed.toReversed(), ...(await this.#described(vanished))]) {
      await this.#show(one).catch((error: unknown) => {
        this.#remembered = undefined; // it may have arrived all the same: Slack is asked what there is
        if (retryAfter(error) !== undefined || isAbort(error)) throw error;
        failed++;
        onError(`Cannot show "${one.id}"`, error);
      });
    }
    if (failed === 0) this.#since = new Date(began.getTime() - LAG_MS);
  }

  async #recalled(): Promise<Map<string, Remembered>> {
    const { slack, channelId, botId } = this.#options;
    return (this.#remembered ??= await recall(slack, channelId, botId));
  }

  /** Those whose message is not closed though they are not in the list: ended while nobody looked, or forgotten. */
  async #described(messages: readonly Remembered[]): Promise<Followed[]> {
    const { temporal } = this.#options;
    const all = messages.map(async ({ id, runId, operation }): Promise<Followed | undefined> => {
      const handle = temporal.workflow.getHandle(id, runId);
      const { startTime, closeTime } = await handle.describe();
      return { id, runId, operation, startedAt: startTime.toISOString(), endedAt: closeTime?.toISOString() };
    });
    const settled = await Promise.allSettled(all);
    return settled.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []));
  }

  async #show(one: Followed): Promise<void> {
    const message = (await this.#recalled()).get(one.operation);
    if (message?.ended === true) return;
    const shown = this.#shown.get(one.operation) ?? { askedAt: 0 };
    this.#shown.set(one.operation, shown);
    const looked = await this.#ask(one, shown);
    if (looked === undefined || isQuiet(looked.explanation, message)) return;
    const { channel, slack, channelId, link } = this.#options;
    const ended = one.endedAt !== undefined;
    const drawn = messageOf({ ...looked, startedAt: one.startedAt, endedAt: one.endedAt, link: link(one) });
    const about = { operation: one.operation, id: one.id, runId: one.runId, ended: false };
    const text = JSON.stringify(drawn);
    const ts = message?.ts ?? (await channel.post(drawn, about));
    if (message === undefined) {
      (await this.#recalled()).set(one.operation, { ...about, ts });
      shown.lines = new Set();
    } else if (shown.message !== text && !ended) await channel.update(drawn, { ...about, ts });
    shown.message = text;
    shown.lines ??= await recallLines(slack, channelId, ts);
    for (const line of threadOf(looked.explanation, looked.progress, one.endedAt)) {
      if (shown.lines.has(line.key)) continue;
      await channel.line(ts, line.key, line.text);
      shown.lines.add(line.key);
    }
    if (!ended) return;
    // Last of all, so that nothing of it is missed by one that starts anew in between.
    await channel.update(drawn, { ...about, ts, ended });
    (await this.#recalled()).set(one.operation, { ...about, ts, ended });
    this.#shown.delete(one.operation);
  }

  /** Its explanation, which the list brings along, and its steps, which cost a worker's answer. */
  async #ask(
    one: Followed,
    shown: Shown,
  ): Promise<{ explanation: Explanation; progress: Progress | undefined } | undefined> {
    const { temporal, stepsMs = STEPS_MS } = this.#options;
    const explanation =
      one.endedAt === undefined && one.said !== undefined
        ? one.said
        : await explainOperation(temporal, one.id, one.runId).then(
            (explained) => explained.explanation,
            (error: unknown) => {
              if (error instanceof ClientError) return undefined; // it has said nothing yet
              throw error;
            },
          );
    if (explanation === undefined) return undefined;
    const said = JSON.stringify(explanation);
    const rests = explanation.state === 'waiting' || explanation.state === 'blocked';
    const due = shown.askedAt + (rests ? stepsMs.waiting : stepsMs.working) <= Date.now();
    if (due || said !== shown.said || one.endedAt !== undefined) {
      shown.askedAt = Date.now();
      shown.progress = (await progressOf(temporal, one.id, one.runId)) ?? shown.progress;
      shown.said = said;
    }
    return { explanation, progress: shown.progress };
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

/** What a schedule started is told of only when a person should know. */
const isQuiet = ({ actor, state }: Explanation, message: Remembered | undefined): boolean =>
  message === undefined && actor.startsWith('schedule:') && state !== 'blocked' && state !== 'failed';

/** When the channel was written to last: what has ended since then was not told. */
function lastSeen(messages: ReadonlyMap<string, Remembered>): Date | undefined {
  const last = Math.max(0, ...[...messages.values()].map(({ ts }) => Number(ts)));
  return last === 0 ? undefined : new Date(last * 1_000);
}
