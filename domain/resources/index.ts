import type { z } from 'zod';
import { authority } from './authority.ts';
import { delegationSet } from './delegation-set.ts';
import { discoveryMember } from './discovery-member.ts';
import { disruptionBudget } from './disruption-budget.ts';
import { dnsRecords } from './dns-records.ts';
import { etcdBackup } from './etcd-backup.ts';
import { elasticIp } from './elastic-ip.ts';
import { elasticIpAssociation } from './elastic-ip-association.ts';
import { etcdMember } from './etcd-member.ts';
import { etcdVoter } from './etcd-voter.ts';
import { hostedZone } from './hosted-zone.ts';
import { image } from './image.ts';
import { imageVerification } from './image-verification.ts';
import { instanceHalt } from './instance-halt.ts';
import { instance } from './instance.ts';
import { instanceProfile } from './instance-profile.ts';
import { internetGateway } from './internet-gateway.ts';
import { machineCertificates } from './machine-certificates.ts';
import { natGateway } from './nat-gateway.ts';
import { node } from './node.ts';
import { nodeAdmission } from './node-admission.ts';
import { nodeCordon } from './node-cordon.ts';
import { nodeOutOfService } from './node-out-of-service.ts';
import { nodeWithdrawal } from './node-withdrawal.ts';
import { role } from './role.ts';
import { route } from './route.ts';
import { routeTable } from './route-table.ts';
import { securityGroup } from './security-group.ts';
import { securityGroupRules } from './security-group-rules.ts';
import { serviceDefinition } from './service-definition.ts';
import { serviceGeneration } from './service-generation.ts';
import { serviceShrink } from './service-shrink.ts';
import { serviceWithdrawal } from './service-withdrawal.ts';
import { snapshotCopy } from './snapshot-copy.ts';
import { storeDocument } from './store-document.ts';
import { subnet } from './subnet.ts';
import { vpc } from './vpc.ts';

/** Every kind of resource, by its name. Policy, plans, sweeps and the test harness derive from this table. */
export const resources = {
  vpc: vpc,
  'internet-gateway': internetGateway,
  subnet: subnet,
  'elastic-ip': elasticIp,
  'elastic-ip-association': elasticIpAssociation,
  'nat-gateway': natGateway,
  'route-table': routeTable,
  route: route,
  'security-group': securityGroup,
  'security-group-rules': securityGroupRules,
  role: role,
  'instance-profile': instanceProfile,
  instance: instance,
  image: image,
  'image-verification': imageVerification,
  'delegation-set': delegationSet,
  'hosted-zone': hostedZone,
  'dns-records': dnsRecords,
  authority: authority,
  'machine-certificates': machineCertificates,
  'store-document': storeDocument,
  node: node,
  'discovery-member': discoveryMember,
  'node-admission': nodeAdmission,
  'node-cordon': nodeCordon,
  'node-withdrawal': nodeWithdrawal,
  'node-out-of-service': nodeOutOfService,
  'etcd-member': etcdMember,
  'etcd-voter': etcdVoter,
  'disruption-budget': disruptionBudget,
  'service-definition': serviceDefinition,
  'service-generation': serviceGeneration,
  'service-withdrawal': serviceWithdrawal,
  'service-shrink': serviceShrink,
  'etcd-backup': etcdBackup,
  'instance-halt': instanceHalt,
  'snapshot-copy': snapshotCopy,
} as const;

export type Kind = keyof typeof resources;
export type PlanOf<K extends Kind> = z.output<(typeof resources)[K]['plan']>;
export type RefOf<K extends Kind> = z.output<(typeof resources)[K]['ref']>;
export const kinds = Object.keys(resources) as Kind[];

/** Kinds whose activities run where only CA keys are read. */
export const PKI_KINDS = ['authority', 'machine-certificates'] as const satisfies readonly Kind[];
/** Kinds whose activities dial a machine, and so run on the zone's own worker. */
export const ZONE_KINDS = [
  'discovery-member',
  'node',
  'node-admission',
  'node-cordon',
  'node-withdrawal',
  'node-out-of-service',
  'etcd-member',
  'etcd-voter',
  'disruption-budget',
  'service-definition',
  'service-generation',
  'service-withdrawal',
  'service-shrink',
] as const satisfies readonly Kind[];
