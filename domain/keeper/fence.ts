import { z } from 'zod';

/**
 * Says which holder of a zone may make and unmake things: the highest one. It only ever rises. `epoch` rises when a
 * zone's keeper is rebuilt after the loss of Temporal, `number` with each lease.
 */
export const fenceSchema = z.object({
  zone: z.string().min(1),
  epoch: z.number().int().min(1),
  number: z.number().int().min(0),
  /** Whose lease it is. */
  operation: z.string(),
});
export type Fence = z.output<typeof fenceSchema>;

export const fenceKey = (zone: string): string => `zones/${zone}/fence.json`;

type Height = Pick<Fence, 'epoch' | 'number'>;

export const isHigher = (one: Height, other: Height): boolean =>
  one.epoch === other.epoch ? one.number > other.number : one.epoch > other.epoch;
