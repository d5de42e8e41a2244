/** Which calls to AWS there were, as the front logged them. */
import type { SandboxState } from '../sandbox/state.ts';

interface Call {
  readonly sequence: number;
  readonly service: string;
  readonly action: string;
  readonly status: number;
  readonly identity?: string;
}

/** Calls after the one with this sequence number. */
export async function callsSince({ awsEndpoint }: SandboxState, sequence: number): Promise<readonly Call[]> {
  const response = await fetch(`${awsEndpoint}/_sandbox/calls?since=${sequence}`);
  if (!response.ok) throw new Error(`Cannot read the log of calls: the front answers ${response.status}`);
  return (await response.json()) as Call[];
}

export const lastSequence = (calls: readonly Call[]): number => calls.at(-1)?.sequence ?? 0;

/** What a call does: reading, making, changing, removing. */
const CLASSES: readonly (readonly [name: string, action: RegExp])[] = [
  ['read', /^(Describe|Get|List|Head|Lookup|Test)/],
  ['remove', /^(Delete|Terminate|Release|Deregister|Detach|Disassociate|Revoke|Remove)/],
  ['make', /^(Create|Run|Allocate|Attach|Associate|Authorize|Put|Add|Register)/],
];

const classOf = (action: string): string =>
  CLASSES.find(([, pattern]) => pattern.test(action))?.[0] ?? 'change';

/** Number of calls by service and class, the most frequent first: `ec2 read` → 120. */
export function countCalls(calls: readonly Call[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { service, action } of calls) {
    const kind = `${service} ${classOf(action)}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return new Map([...counts].toSorted(([, a], [, b]) => b - a));
}
