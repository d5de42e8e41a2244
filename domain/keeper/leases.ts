/** Who holds a zone and who may next, as pure functions over the book of open leases. */
import { z } from 'zod';
import { isHigher, type Fence } from './fence.ts';

/** Somebody who works on a zone: an operation, and each of its children that works under the same lease. */
const holderSchema = z.object({
  /** Workflow id and run, as in the tags of what it makes. */
  operation: z.string().min(1),
  workflowId: z.string().min(1),
  /** First run of the workflow: the same after a reset or a continue-as-new, another one in a later operation. */
  firstRunId: z.string().min(1),
  type: z.string().min(1),
});
export type Holder = z.output<typeof holderSchema>;

export const requestSchema = holderSchema.extend({
  zone: z.string().min(1),
  conflicts: z.enum(['zone', 'image', 'none']),
  /** Time of asking, ISO 8601: the place in the line. */
  askedAt: z.string(),
  /** False: to be refused when somebody else holds the zone. */
  wait: z.boolean(),
  /** Workflow id of the operation whose lease it works under while that one is open. */
  under: z.string().optional(),
});
export type AdmissionRequest = z.output<typeof requestSchema>;

const leaseSchema = z.object({
  number: z.number().int().min(1),
  conflicts: requestSchema.shape.conflicts,
  since: z.string(),
  /** The one that it was given to, then its children. */
  holders: z.array(holderSchema).min(1),
  /** True when somebody who held the zone before went without releasing it: requests of his may be under way. */
  afterLoss: z.boolean(),
  /** True when one of its holders went without a word. */
  lossy: z.boolean(),
});
export type Lease = z.output<typeof leaseSchema>;

/** `zones/<zone>/leases.json`: written under a condition, so that of two keepers at work one writes in vain. */
export const leaseBookSchema = z.object({
  format: z.literal(1),
  zone: z.string().min(1),
  epoch: z.number().int().min(1),
  /** The highest number that was ever given. */
  last: z.number().int().min(0),
  /** True when a lease since the last that was given ended without being released. */
  lossy: z.boolean(),
  leases: z.array(leaseSchema),
});
export type LeaseBook = z.output<typeof leaseBookSchema>;

export const leasesKey = (zone: string): string => `zones/${zone}/leases.json`;
export const keeperId = (zone: string): string => `keeper-${zone}`;

/** A book in which nothing is written yet; numbers go on above a fence that is there already. */
export const newBook = (zone: string, fence: Fence | undefined): LeaseBook => ({
  format: 1,
  zone,
  epoch: fence?.epoch ?? 1,
  last: fence?.number ?? 0,
  lossy: fence !== undefined,
  leases: [],
});

/** Everybody who stands in the book. */
export const holdersOf = ({ leases }: LeaseBook): Holder[] => leases.flatMap(({ holders }) => holders);

/** Takes holders out: those that say so themselves, and those that were found dead. */
export function without(
  book: LeaseBook,
  released: ReadonlySet<string>,
  dead: ReadonlySet<string>,
): LeaseBook {
  // Who has released may have closed since, and went with a word all the same.
  const isLost = ({ operation }: Holder) => dead.has(operation) && !released.has(operation);
  const left = book.leases.map((lease) => ({
    ...lease,
    lossy: lease.lossy || lease.holders.some(isLost),
    holders: lease.holders.filter(({ operation }) => !released.has(operation) && !dead.has(operation)),
  }));
  const ended = left.filter(({ holders }) => holders.length === 0);
  return {
    ...book,
    lossy: book.lossy || ended.some(({ lossy }) => lossy),
    leases: left.filter(({ holders }) => holders.length > 0),
  };
}

/** A request that must wait, and the lease that it waits for: its holder, or whoever stands before it in the line. */
export interface InLine {
  readonly request: AdmissionRequest;
  readonly behind: Lease;
  /** How many requests stand before it. */
  readonly ahead: number;
}

export interface Admissions {
  readonly book: LeaseBook;
  /** The lease of each operation that may work, those that had it before included. */
  readonly admitted: ReadonlyMap<string, Lease>;
  readonly line: readonly InLine[];
}

/** Lets in who may work now, first come, first served. @param at time, ISO 8601 */
export function admit(book: LeaseBook, requests: readonly AdmissionRequest[], at: string): Admissions {
  const admitted = new Map<string, Lease>();
  const line: InLine[] = [];
  let next = book;
  for (const request of inOrder(requests)) {
    const own = leaseOf(next, request.operation) ?? leaseToJoin(next, request);
    const behind =
      next.leases.find((lease) => excludes(lease, request)) ??
      line.find(({ request: other }) => excludes(other, request))?.behind;
    if (own !== undefined) next = withHolder(next, own, request);
    else if (behind === undefined) next = withLease(next, request, at);
    else {
      line.push({ request, behind, ahead: line.length });
      continue;
    }
    admitted.set(request.operation, leaseOf(next, request.operation) as Lease);
  }
  return { book: next, admitted, line };
}

export const inOrder = (requests: readonly AdmissionRequest[]): AdmissionRequest[] =>
  requests.toSorted((a, b) => a.askedAt.localeCompare(b.askedAt) || a.operation.localeCompare(b.operation));

type Exclusive = Pick<Lease, 'conflicts'>;

const excludes = (one: Exclusive, other: Exclusive): boolean =>
  one.conflicts !== 'none' && one.conflicts === other.conflicts;

const leaseOf = ({ leases }: LeaseBook, operation: string): Lease | undefined =>
  leases.find(({ holders }) => holders.some((holder) => holder.operation === operation));

const leaseToJoin = ({ leases }: LeaseBook, { under }: AdmissionRequest): Lease | undefined =>
  under === undefined
    ? undefined
    : leases.find(({ holders }) => holders.some(({ workflowId }) => workflowId === under));

function withHolder(book: LeaseBook, lease: Lease, request: AdmissionRequest): LeaseBook {
  if (lease.holders.some(({ operation }) => operation === request.operation)) return book;
  const joined = { ...lease, holders: [...lease.holders, holderOf(request)] };
  return { ...book, leases: book.leases.map((each) => (each === lease ? joined : each)) };
}

function withLease(book: LeaseBook, request: AdmissionRequest, since: string): LeaseBook {
  const number = book.last + 1;
  const { conflicts } = request;
  const holders: Lease['holders'] = [holderOf(request)];
  const lease = { number, conflicts, since, holders, afterLoss: book.lossy, lossy: false };
  return { ...book, last: number, lossy: false, leases: [...book.leases, lease] };
}

const holderOf = ({ operation, workflowId, firstRunId, type }: AdmissionRequest): Holder => ({
  operation,
  workflowId,
  firstRunId,
  type,
});

export const fenceOf = ({ zone, epoch }: LeaseBook, { number, holders }: Lease): Fence => ({
  zone,
  epoch,
  number,
  operation: holders[0]?.operation ?? '',
});

/** The highest fence of a book's leases. */
export const highestFence = (book: LeaseBook): Fence | undefined =>
  book.leases
    .map((lease) => fenceOf(book, lease))
    .reduce<Fence | undefined>(
      (top, each) => (top === undefined || isHigher(each, top) ? each : top),
      undefined,
    );

/** A fence that was raised past the book, by hand or by an adoption, ends every lease in it. */
export function caughtUp(book: LeaseBook, fence: Fence | undefined): LeaseBook {
  if (fence === undefined || !isHigher(fence, { epoch: book.epoch, number: book.last })) return book;
  return { ...book, epoch: fence.epoch, last: fence.number, lossy: true, leases: [] };
}
