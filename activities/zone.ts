import { activitiesOf } from './activities-of.ts';
import { createZoneChecks, type ZoneAccess } from './checks/zone.ts';
import type { KubernetesAccess } from './cloud/kubernetes.ts';
import type { Effects, EffectSettings } from './effect.ts';
import { nodeAdmissionEffect } from './node-admission.ts';
import { nodeCordonEffect } from './node-cordon.ts';
import { nodeOutOfServiceEffect } from './node-out-of-service.ts';
import { nodeWithdrawalEffect } from './node-withdrawal.ts';
import { nodeEffect } from './node.ts';
import type { ZONE_KINDS } from '../domain/resources/index.ts';

/** Kinds that only a machine of the zone can make. Apart from the others: their libraries take 40 MB of a worker. */
export type ZoneEffects = Pick<Effects, (typeof ZONE_KINDS)[number]>;

export const createZoneEffects = (
  access: KubernetesAccess,
  settings: Pick<EffectSettings, 'pollMs'>,
): ZoneEffects => ({
  node: nodeEffect(access, settings),
  'node-admission': nodeAdmissionEffect(access, settings),
  'node-cordon': nodeCordonEffect(access, settings),
  'node-withdrawal': nodeWithdrawalEffect(access),
  'node-out-of-service': nodeOutOfServiceEffect(access, settings),
});

/** What the worker of a zone hosts. */
export const createZoneActivities = (access: ZoneAccess, settings: EffectSettings) => ({
  ...activitiesOf(createZoneEffects(access.kubernetes, settings), settings),
  ...createZoneChecks(access),
});
