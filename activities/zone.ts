import { activitiesOf } from './activities-of.ts';
import { createZoneChecks, type ZoneAccess } from './checks/zone.ts';
import type { KubernetesAccess } from './cloud/kubernetes.ts';
import type { Effects, EffectSettings } from './effect.ts';
import { nodeAdmissionEffect } from './node-admission.ts';

/** Kinds that only a machine of the zone can make. Apart from the others: their libraries take 40 MB of a worker. */
export type ZoneEffects = Pick<Effects, 'node-admission'>;

export const createZoneEffects = (
  access: KubernetesAccess,
  settings: Pick<EffectSettings, 'pollMs'>,
): ZoneEffects => ({ 'node-admission': nodeAdmissionEffect(access, settings) });

/** What the worker of a zone hosts. */
export const createZoneActivities = (access: ZoneAccess, settings: EffectSettings) => ({
  ...activitiesOf(createZoneEffects(access.kubernetes, settings), settings),
  ...createZoneChecks(access),
});
