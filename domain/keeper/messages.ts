/** What a zone's keeper and operations say to each other. All of it may arrive twice. */
import { z } from 'zod';
import type { Fence } from './fence.ts';
import type { AdmissionRequest, InLine, Lease } from './leases.ts';

export const KEEPER_TYPE = 'ZoneKeeper';

/** Names of the messages that clients send, which know no definitions of workflows. */
export const KEEPER_MESSAGES = {
  ask: 'ask',
  release: 'release',
  standing: 'standing',
  answer: 'admission',
} as const;

export const releaseSchema = z.object({
  operation: z.string().min(1),
  /** True when the zone is no more: its keeper ends once nobody stands in the line. */
  last: z.boolean(),
});
export type Release = z.output<typeof releaseSchema>;

/** Who stands in the way. */
export interface InTheWay {
  readonly workflowId: string;
  readonly type: string;
  readonly since: string;
  /** How many requests stand in the line before this one. */
  readonly ahead: number;
}

/** What the keeper tells an operation that has asked. */
export type Answer =
  | { readonly operation: string; readonly kind: 'granted'; readonly fence: Fence }
  | { readonly operation: string; readonly kind: 'refused'; readonly by: InTheWay }
  | { readonly operation: string; readonly kind: 'in line'; readonly by: InTheWay };

/** Answer of the query `standing`. */
export interface Standing {
  readonly inLine: boolean;
  /** Absent when it is not in line, and until the keeper has looked. */
  readonly by?: InTheWay;
}

export const inTheWay = ({ behind: { holders, since }, ahead }: InLine): InTheWay => ({
  workflowId: holders[0]?.workflowId ?? '',
  type: holders[0]?.type ?? '',
  since,
  ahead,
});

export interface Settle {
  readonly zone: string;
  readonly requests: readonly AdmissionRequest[];
  /** Operations that have released. */
  readonly released: readonly string[];
}

export interface Settled {
  readonly admitted: readonly {
    readonly request: AdmissionRequest;
    readonly fence: Fence;
    readonly quietMs: number;
  }[];
  readonly line: readonly { readonly request: AdmissionRequest; readonly by: InTheWay }[];
  /** Operations that have closed without having been admitted. */
  readonly gone: readonly string[];
  readonly open: readonly Lease[];
}
