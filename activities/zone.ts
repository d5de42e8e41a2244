import { activitiesOf } from './activities-of.ts';
import { etcdOf } from './cloud/etcd.ts';
import { createZoneChecks, type ZoneAccess } from './checks/zone.ts';
import { discoveryMemberEffect } from './discovery-member.ts';
import { etcdMemberEffect } from './etcd-member.ts';
import { etcdVoterEffect } from './etcd-voter.ts';
import { disruptionBudgetEffect } from './disruption-budget.ts';
import type { Effects, EffectSettings } from './effect.ts';
import { nodeAdmissionEffect } from './node-admission.ts';
import { nodeCordonEffect } from './node-cordon.ts';
import { nodeOutOfServiceEffect } from './node-out-of-service.ts';
import { nodeWithdrawalEffect } from './node-withdrawal.ts';
import { nodeEffect } from './node.ts';
import type { ZONE_KINDS } from '../domain/resources/index.ts';
import { serviceDefinitionEffect } from './service-definition.ts';
import { serviceGenerationEffect } from './service-generation.ts';
import { serviceShrinkEffect } from './service-shrink.ts';
import { serviceWithdrawalEffect } from './service-withdrawal.ts';

/** Kinds that only a machine of the zone can make. Apart from the others: their libraries take 40 MB of a worker. */
export type ZoneEffects = Pick<Effects, (typeof ZONE_KINDS)[number]>;

export const createZoneEffects = (
  { kubernetes, etcd, discovery }: ZoneAccess,
  settings: Pick<EffectSettings, 'pollMs'>,
): ZoneEffects => {
  const clusters = etcdOf({ kubernetes: etcd, discovery });
  return {
    'discovery-member': discoveryMemberEffect(discovery),
    node: nodeEffect(kubernetes, settings),
    'node-admission': nodeAdmissionEffect(kubernetes, settings),
    'node-cordon': nodeCordonEffect(kubernetes, settings),
    'node-withdrawal': nodeWithdrawalEffect(kubernetes),
    'node-out-of-service': nodeOutOfServiceEffect(kubernetes, settings),
    'etcd-member': etcdMemberEffect(clusters),
    'etcd-voter': etcdVoterEffect(clusters, settings),
    'disruption-budget': disruptionBudgetEffect({ kubernetes, discovery }),
    'service-definition': serviceDefinitionEffect({ kubernetes, discovery }),
    'service-generation': serviceGenerationEffect({ kubernetes, discovery }, settings),
    'service-withdrawal': serviceWithdrawalEffect({ kubernetes, discovery }, settings),
    'service-shrink': serviceShrinkEffect({ kubernetes, discovery }, settings),
  };
};

/** What the worker of a zone hosts. */
export const createZoneActivities = (access: ZoneAccess, settings: EffectSettings) => ({
  ...activitiesOf(createZoneEffects(access, settings), settings),
  ...createZoneChecks(access, settings.readFence),
});
