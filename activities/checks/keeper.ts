import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { NotYet } from '../../domain/errors.ts';
import {
  admit,
  fenceOf,
  highestFence,
  holdersOf,
  keeperId,
  without,
  type Admissions,
  type AdmissionRequest,
  type Holder,
  type LeaseBook,
} from '../../domain/keeper/leases.ts';
import {
  inTheWay,
  KEEPER_MESSAGES,
  KEEPER_TYPE,
  type Answer,
  type Release,
  type Settle,
  type Settled,
  type Standing,
} from '../../domain/keeper/messages.ts';
import { QUEUES } from '../../domain/operations.ts';
import type { Clients } from '../cloud/clients.ts';
import { raiseFence } from '../cloud/fences.ts';
import { readBook, writeBook } from '../cloud/lease-books.ts';
import { asActivity } from '../failures.ts';
import { beat } from '../heartbeat.ts';
import type { CheckSettings } from './settings.ts';

type Settings = Pick<CheckSettings, 'bucket' | 'pollMs' | 'requestTimeoutMs'>;

/** What is looked at again and again, in polls of the cloud: twenty seconds and a minute at the usual pace. */
const LINE_LOOK_POLLS = 10;
const HOLDER_LOOK_POLLS = 30;

/** What a zone's keeper works with, and what operations tell it. Open leases lie in the zone store only. */
export const keeperChecks = (
  { s3 }: Pick<Clients, 's3'>,
  temporal: Client,
  { bucket, pollMs, requestTimeoutMs }: Settings,
) => {
  const signalOf = () => Context.current().cancellationSignal;
  return {
    /**
     * One look at the book: those who have released or died go out of it, those who may work now come in. Of two
     * keepers that do this at the same time one is refused by the store and starts again.
     */
    'keeper.settle': asActivity(
      'settle leases',
      async ({ zone, requests, released }: Settle): Promise<Settled> => {
        const { book, etag } = await readBook(s3, bucket, zone, signalOf());
        const gone = new Set(await deadAmong(temporal, holdersOf(book)));
        const free = without(book, new Set(released), gone);
        const outcome = await admitLiving(temporal, free, requests, gone);
        if (JSON.stringify(outcome.book) !== JSON.stringify(book))
          await writeBook(s3, bucket, outcome.book, etag, signalOf());
        // Before anybody is told: who held the zone until now is locked out from here on.
        const top = highestFence(outcome.book);
        if (top !== undefined && outcome.admitted.size > 0) await raiseFence(s3, bucket, top, signalOf());
        return settledOf(outcome, requests, gone, requestTimeoutMs);
      },
    ),

    /** Returns when a holder is gone or nobody holds the zone. */
    'keeper.watch': asActivity('look at holders', async ({ zone }: { readonly zone: string }) => {
      const { book } = await readBook(s3, bucket, zone, signalOf());
      const holders = holdersOf(book);
      if (holders.length === 0) return { gone: [] };
      const gone = await deadAmong(temporal, holders);
      if (gone.length > 0) return { gone };
      throw new NotYet(`"${holders[0]?.workflowId ?? ''}" holds zone "${zone}"`, HOLDER_LOOK_POLLS * pollMs);
    }),

    /** Asks for admission, and asks again whenever the keeper has forgotten; it ends by being cancelled. */
    'keeper.ask': asActivity('ask for admission', async (request: AdmissionRequest): Promise<never> => {
      const standing = Context.current().info.attempt === 1 ? undefined : await standingOf(temporal, request);
      if (standing?.inLine === true) await tellChange(temporal, request, standing);
      else await tellKeeper(temporal, request.zone, KEEPER_MESSAGES.ask, request);
      throw new NotYet(`waiting for admission to zone "${request.zone}"`, LINE_LOOK_POLLS * pollMs);
    }),

    'keeper.release': asActivity(
      'release a lease',
      ({ zone, ...release }: Release & { readonly zone: string }) =>
        tellKeeper(temporal, zone, KEEPER_MESSAGES.release, release),
    ),
  };
};

export type KeeperChecks = ReturnType<typeof keeperChecks>;

/** Starts the keeper where none is at work. */
async function tellKeeper(temporal: Client, zone: string, signal: string, message: object): Promise<void> {
  await temporal.workflow.signalWithStart(KEEPER_TYPE, {
    workflowId: keeperId(zone),
    taskQueue: QUEUES.workflows,
    args: [{ zone }],
    staticSummary: `admits operations to zone ${zone}, one at a time`,
    signal,
    signalArgs: [message],
  });
}

/** Where the keeper that is at work has put a request; `undefined` when none is. */
async function standingOf(
  temporal: Client,
  { zone, operation }: AdmissionRequest,
): Promise<Standing | undefined> {
  const handle = temporal.workflow.getHandle(keeperId(zone));
  try {
    // One that was terminated would still answer.
    if ((await handle.describe()).status.name !== 'RUNNING') return undefined;
    return await handle.query<Standing, [string]>(KEEPER_MESSAGES.standing, operation);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** The keeper tells only those at the front of the line; the others hear of a new holder here. */
async function tellChange(
  temporal: Client,
  { operation, workflowId }: AdmissionRequest,
  { by }: Standing,
): Promise<void> {
  const { heartbeatDetails } = Context.current().info;
  const seen = JSON.stringify(by);
  if (by === undefined || (heartbeatDetails as { by?: string } | undefined)?.by === seen) return;
  const answer: Answer = { operation, kind: 'in line', by };
  await temporal.workflow.getHandle(workflowId).signal(KEEPER_MESSAGES.answer, answer);
  beat({ by: seen });
}

/** Operations that are not at work any more, whatever ended them. */
async function deadAmong(temporal: Client, holders: readonly Holder[]): Promise<string[]> {
  const dead = await Promise.all(
    holders.map(async ({ operation, workflowId, firstRunId }) => {
      try {
        const { status, raw } = await temporal.workflow.getHandle(workflowId).describe();
        const first = raw.workflowExecutionInfo?.firstRunId;
        return status.name === 'RUNNING' && first === firstRunId ? [] : [operation];
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return [operation];
        throw error;
      }
    }),
  );
  return dead.flat();
}

/** Admits; nobody comes in who has closed while he waited. Adds those to `gone`. */
async function admitLiving(
  temporal: Client,
  book: LeaseBook,
  requests: readonly AdmissionRequest[],
  gone: Set<string>,
): Promise<Admissions> {
  const known = new Set(holdersOf(book).map(({ operation }) => operation));
  for (;;) {
    const outcome = admit(
      book,
      requests.filter(({ operation }) => !gone.has(operation)),
      new Date().toISOString(),
    );
    const fresh = requests.filter(
      ({ operation }) => outcome.admitted.has(operation) && !known.has(operation),
    );
    const dead = await deadAmong(temporal, fresh);
    if (dead.length === 0) return outcome;
    for (const operation of dead) gone.add(operation);
    for (const { operation } of fresh) known.add(operation);
  }
}

const settledOf = (
  { book, admitted, line }: Admissions,
  requests: readonly AdmissionRequest[],
  gone: ReadonlySet<string>,
  requestTimeoutMs: number,
): Settled => ({
  admitted: requests.flatMap((request) => {
    const lease = admitted.get(request.operation);
    if (lease === undefined) return [];
    return [{ request, fence: fenceOf(book, lease), quietMs: lease.afterLoss ? requestTimeoutMs : 0 }];
  }),
  line: line.map((one) => ({ request: one.request, by: inTheWay(one) })),
  gone: requests.map(({ operation }) => operation).filter((operation) => gone.has(operation)),
  open: book.leases,
});
