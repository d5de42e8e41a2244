import type { ZoneManifest } from '../zone/manifest.ts';
import { GROUP_LABEL } from './objects.ts';
import { emptyRecord, type RecordedService, type ServicesRecord } from './record.ts';

/** What a plan about services needs to know of their zone. */
export interface ServicesGround {
  readonly zone: string;
  readonly environment: string;
  readonly domain: string;
  readonly zoneCreatedAt: string;
  readonly workers: number;
  /** Workers of each scheduling group. */
  readonly groups: Readonly<Record<string, number>>;
  /** TCP ports of the borders that are open to everybody. */
  readonly publicPorts: readonly number[];
  readonly recorded: Readonly<Record<string, RecordedService>>;
}

/** @param record as it lies in the zone store; that of an earlier zone of the same name counts for nothing */
export function groundOf(manifest: ZoneManifest, record: ServicesRecord | undefined): ServicesGround {
  const { zone, environment, domain, createdAt, made, spec } = manifest;
  const admitted = made.filter(({ kind }) => kind === 'node-admission');
  const groups: Record<string, number> = {};
  for (const { plan } of admitted) {
    const group = (plan as { labels?: Record<string, string> }).labels?.[GROUP_LABEL];
    if (group !== undefined) groups[group] = (groups[group] ?? 0) + 1;
  }
  return {
    ...{ zone, environment, domain, groups },
    zoneCreatedAt: createdAt,
    workers: admitted.length,
    publicPorts: spec.border.publicPorts,
    recorded: currentRecord(manifest, record).services,
  };
}

export const currentRecord = (
  { zone, createdAt }: Pick<ZoneManifest, 'zone' | 'createdAt'>,
  record: ServicesRecord | undefined,
): ServicesRecord =>
  record?.zoneCreatedAt === createdAt ? record : emptyRecord(zone, createdAt, new Date(0).toISOString());

/** Workers that a service may run on. */
export const eligibleWorkers = (
  { workers, groups }: Pick<ServicesGround, 'workers' | 'groups'>,
  group: string | undefined,
): number => (group === undefined ? workers : (groups[group] ?? 0));
