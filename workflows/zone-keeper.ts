import {
  condition,
  continueAsNew,
  log,
  scheduleActivity,
  setCurrentDetails,
  setHandler,
  sleep,
  TemporalFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { z } from 'zod';
import { inOrder, requestSchema, type AdmissionRequest, type Lease } from '../domain/keeper/leases.ts';
import { releaseSchema, type Release, type Settle, type Settled } from '../domain/keeper/messages.ts';
import { QUEUES, SEARCH_ATTRIBUTES } from '../domain/operations.ts';
import { rootMessage } from './failure-types.ts';
import { Informer } from './keeper-informer.ts';
import { askSignal, releaseSignal, standingQuery } from './messages.ts';
import { LOOK, wait } from './retries.ts';

const keeperInput = z.object({
  zone: z.string().min(1),
  /** Goes on as a new run when its history has grown to this many events. */
  maxEvents: z.number().int().min(20).default(400),
  /** What the run before leaves to this one. */
  line: z.array(requestSchema).default([]),
  leaving: z.array(z.string()).default([]),
  left: z.array(z.string()).default([]),
  last: z.boolean().default(false),
});
type KeeperInput = z.output<typeof keeperInput>;

/** As long as the store cannot be read or written nobody comes in; tried again after this. */
const TROUBLE_MS = 15_000;
/** Requests that one look at the book is about, at most: payloads stay small however long the line is. */
const MOST = 50;
/** A repeated request may come after the release; so many that have left are remembered. */
const REMEMBERED = 100;
const MONTH_MS = 30 * 24 * 3_600_000;

/**
 * Admits operations to a zone, one at a time. It decides nothing by what it remembers: open leases lie in the zone
 * store, and each decision is one conditional write there. What it remembers is the line, and those who stand in it
 * look every so often whether it still does.
 */
export const zoneKeeper = async (raw: unknown): Promise<void> => new Keeper(keeperInput.parse(raw)).run();

class Keeper {
  readonly #input: KeeperInput;
  readonly #line: Map<string, AdmissionRequest>;
  /** Those who have released, before and after it is in the store. */
  readonly #leaving: Set<string>;
  readonly #left: Set<string>;
  readonly #informer = new Informer();
  #last: boolean;
  #open: readonly Lease[] = [];
  #trouble = '';
  /** True when something has happened since the book was looked at; a new run has looked at nothing yet. */
  #due = true;
  #watching = false;

  constructor(input: KeeperInput) {
    this.#input = input;
    this.#line = new Map(input.line.map((request) => [request.operation, request]));
    this.#leaving = new Set(input.leaving);
    this.#left = new Set(input.left);
    this.#last = input.last;
    setHandler(askSignal, (request) => this.#ask(request));
    setHandler(releaseSignal, (release) => this.#release(release));
    setHandler(standingQuery, (operation) => this.#informer.standing(operation, this.#line.has(operation)));
  }

  async run(): Promise<void> {
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.zone]: [this.#input.zone] });
    for (;;) {
      await condition(() => this.#due);
      await this.#settle();
      this.#show();
      if (this.#informer.busy) continue;
      if (isLong(this.#input)) await continueAsNew<typeof zoneKeeper>(this.#rest());
      if (this.#last && !this.#due && this.#open.length === 0 && this.#line.size === 0) return;
    }
  }

  #ask(request: AdmissionRequest): void {
    if (!requestSchema.safeParse(request).success) return log.warn('Ignored what is no request', { request });
    if (this.#left.has(request.operation)) return;
    // The first time that it asked is its place.
    const { askedAt } = this.#line.get(request.operation) ?? request;
    this.#line.set(request.operation, { ...request, askedAt });
    this.#last = false;
    this.#due = true;
  }

  #release(release: Release): void {
    if (!releaseSchema.safeParse(release).success) return log.warn('Ignored what is no release', { release });
    const { operation, last } = release;
    this.#line.delete(operation);
    this.#leaving.add(operation);
    this.#left.add(operation);
    if (this.#left.size > REMEMBERED) this.#left.delete([...this.#left][0] ?? '');
    this.#last = last;
    this.#due = true;
  }

  async #settle(): Promise<void> {
    this.#due = false;
    const requests = inOrder([...this.#line.values()]).slice(0, MOST);
    const settle: Settle = { zone: this.#input.zone, requests, released: [...this.#leaving] };
    let settled: Settled;
    try {
      settled = await scheduleActivity<Settled>('keeper.settle', [settle], {
        ...LOOK,
        taskQueue: QUEUES.aws,
        summary: `looking who may work (${requests.length} in line, ${settle.released.length} done)`,
      });
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      this.#trouble = rootMessage(error);
      this.#show();
      await sleep(TROUBLE_MS, { summary: 'the book of leases cannot be used' });
      this.#due = true;
      return;
    }
    this.#trouble = '';
    this.#open = settled.open;
    for (const operation of settle.released) this.#leaving.delete(operation);
    for (const operation of settled.gone) this.#line.delete(operation);
    this.#inform(settled);
    this.#watch();
  }

  /** Tells each how its request stands; a request stays in the line until its answer has been sent. */
  #inform({ admitted, line }: Settled): void {
    for (const { request, fence, quietMs } of admitted)
      this.#informer.grant(request, fence, quietMs, () => this.#line.delete(request.operation));
    for (const { request, by } of line) {
      if (request.wait) this.#informer.inLine(request, by);
      else this.#informer.refuse(request, by, () => this.#line.delete(request.operation));
    }
  }

  /** Looks at holders every minute, in one activity that adds nothing to the history while nothing changes. */
  #watch(): void {
    if (this.#watching || this.#open.length === 0) return;
    this.#watching = true;
    void this.#lookAtHolders().finally(() => {
      this.#watching = false;
      this.#due ||= this.#open.length > 0;
    });
  }

  async #lookAtHolders(): Promise<void> {
    const options = { ...wait(MONTH_MS), taskQueue: QUEUES.aws, summary: 'looking at holders every minute' };
    try {
      await scheduleActivity('keeper.watch', [{ zone: this.#input.zone }], options);
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      await sleep(TROUBLE_MS, { summary: 'holders cannot be looked at' });
    }
  }

  /** What is shown in the Temporal UI. */
  #show(): void {
    const holders = this.#open.map(
      ({ holders, number, since }) =>
        `- held by ${holders.map(({ workflowId }) => workflowId).join(', ')} since ${since}, fence ${number}`,
    );
    const line = inOrder([...this.#line.values()]).map(
      ({ workflowId, askedAt }) => `- in line: ${workflowId} since ${askedAt}`,
    );
    const trouble = this.#trouble === '' ? [] : [`**admits nobody**: ${this.#trouble}`];
    setCurrentDetails([...trouble, ...(holders.length > 0 ? holders : ['- free']), ...line].join('\n\n'));
  }

  #rest(): KeeperInput {
    return {
      ...this.#input,
      line: inOrder([...this.#line.values()]),
      leaving: [...this.#leaving],
      left: [...this.#left],
      last: this.#last,
    };
  }
}

function isLong({ maxEvents }: KeeperInput): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength >= maxEvents;
}
