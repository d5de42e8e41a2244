import { z } from 'zod';
import { definitionSchema } from '../discovery/values.ts';
import { serviceSchema } from './spec.ts';

/** Instances of one version that were started together: numbers `first` to `first + count - 1`. */
export const generationSchema = z.object({
  generation: z.number().int().min(1),
  version: z.string(),
  first: z.number().int().min(1),
  count: z.number().int().min(0),
});
export type Generation = z.output<typeof generationSchema>;

/** What a record keeps of generations that were looked up: nothing of what holds for a moment only. */
export const generationsOf = (found: readonly Generation[]): Generation[] =>
  found.map(({ generation, version, first, count }) => ({ generation, version, first, count }));

const recordedSchema = z.object({
  /** As it was applied last. */
  spec: serviceSchema,
  version: z.string(),
  definition: definitionSchema,
  /** What runs, the oldest first; two while a roll is on its way or was left half-way. */
  generations: z.array(generationSchema),
  operation: z.string(),
  at: z.iso.datetime(),
});
export type RecordedService = z.output<typeof recordedSchema>;

/** `zones/<zone>/services.json`, written only by operations on the services of the zone. */
export const servicesRecordSchema = z.object({
  format: z.literal(1),
  zone: z.string(),
  /** Of the zone's manifest: a zone that is made anew under its old name has no services. */
  zoneCreatedAt: z.string(),
  updatedAt: z.iso.datetime(),
  services: z.record(z.string(), recordedSchema),
});
export type ServicesRecord = z.output<typeof servicesRecordSchema>;

export const servicesRecordKey = (zone: string, storePrefix = ''): string =>
  `${storePrefix}zones/${zone}/services.json`;

export const emptyRecord = (zone: string, zoneCreatedAt: string, at: string): ServicesRecord => ({
  format: 1,
  zone,
  zoneCreatedAt,
  updatedAt: at,
  services: {},
});

/** `web@3…7`, `web@3` */
export function instancesText(
  service: string,
  { first, count }: Pick<Generation, 'first' | 'count'>,
): string {
  if (count === 0) return `no instance of ${service}`;
  return `${service}@${first}${count > 1 ? `…${first + count - 1}` : ''}`;
}

export const numbersOf = ({ first, count }: Pick<Generation, 'first' | 'count'>): number[] =>
  Array.from({ length: count }, (_, at) => first + at);
