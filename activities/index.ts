import { activitiesOf } from './activities-of.ts';
import { authorityEffect } from './authority.ts';
import { createChecks } from './checks/index.ts';
import type { CheckSettings } from './checks/settings.ts';
import type { createZoneChecks } from './checks/zone.ts';
import type { Clients } from './cloud/clients.ts';
import { fenceReader } from './cloud/fences.ts';
import { delegationSetEffect } from './delegation-set.ts';
import { dnsRecordsEffect } from './dns-records.ts';
import type { Effects, EffectSettings } from './effect.ts';
import { elasticIpAssociationEffect } from './elastic-ip-association.ts';
import { elasticIpEffect } from './elastic-ip.ts';
import { etcdBackupEffect } from './etcd-backup.ts';
import { hostedZoneEffect } from './hosted-zone.ts';
import { imageVerificationEffect } from './image-verification.ts';
import { imageEffect } from './image.ts';
import { instanceProfileEffect } from './instance-profile.ts';
import { instanceHaltEffect } from './instance-halt.ts';
import { instanceEffect } from './instance.ts';
import { internetGatewayEffect } from './internet-gateway.ts';
import { machineCertificatesEffect } from './machine-certificates.ts';
import { natGatewayEffect } from './nat-gateway.ts';
import { roleEffect } from './role.ts';
import { routeTableEffect } from './route-table.ts';
import { routeEffect } from './route.ts';
import { securityGroupRulesEffect } from './security-group-rules.ts';
import { securityGroupEffect } from './security-group.ts';
import { snapshotCopyEffect } from './snapshot-copy.ts';
import { storeDocumentEffect, type StoreSettings } from './store-document.ts';
import { subnetEffect } from './subnet.ts';
import { vpcEffect } from './vpc.ts';
import type { ZoneEffects } from './zone.ts';

type PkiEffects = Pick<Effects, 'authority' | 'machine-certificates'>;
type AwsEffects = Omit<Effects, keyof PkiEffects | keyof ZoneEffects>;

/** Everything that cloud credentials alone can make. A kind that is missing here does not compile. */
export const createAwsEffects = (clients: Clients, settings: StoreSettings): AwsEffects => ({
  vpc: vpcEffect(clients),
  'internet-gateway': internetGatewayEffect(clients),
  subnet: subnetEffect(clients),
  'elastic-ip': elasticIpEffect(clients),
  'elastic-ip-association': elasticIpAssociationEffect(clients),
  'nat-gateway': natGatewayEffect(clients),
  'route-table': routeTableEffect(clients),
  route: routeEffect(clients),
  'security-group': securityGroupEffect(clients),
  'security-group-rules': securityGroupRulesEffect(clients),
  role: roleEffect(clients),
  'instance-profile': instanceProfileEffect(clients),
  instance: instanceEffect(clients),
  image: imageEffect(clients),
  'image-verification': imageVerificationEffect(clients),
  'delegation-set': delegationSetEffect(clients),
  'hosted-zone': hostedZoneEffect(clients),
  'dns-records': dnsRecordsEffect(clients),
  'store-document': storeDocumentEffect(clients, settings),
  'etcd-backup': etcdBackupEffect(clients, settings),
  'instance-halt': instanceHaltEffect(clients),
  'snapshot-copy': snapshotCopyEffect(clients, settings),
});

export const createPkiEffects = (
  clients: Clients,
  settings: StoreSettings & Pick<EffectSettings, 'pollMs'>,
): PkiEffects => ({
  authority: authorityEffect(clients, settings),
  'machine-certificates': machineCertificatesEffect(clients, settings),
});

/** What workers of the queue `aws` host. */
export function createActivities(clients: Clients, settings: CheckSettings) {
  const effects = createAwsEffects(clients, settings);
  // Sweeps list and delete what the PKI left, which needs none of its keys.
  const swept = { ...effects, ...createPkiEffects(clients, settings) };
  const readFence = fenceReader(clients.s3, settings.bucket);
  return { ...activitiesOf(effects, { ...settings, readFence }), ...createChecks(clients, swept, settings) };
}

/** What workers that may read the keys of authorities host. */
export const createPkiActivities = (clients: Clients, settings: EffectSettings & StoreSettings) =>
  activitiesOf(createPkiEffects(clients, settings), {
    ...settings,
    readFence: fenceReader(clients.s3, settings.bucket),
  });

/** Names, inputs and results, for workflows: `import type`. */
export type Checks = ReturnType<typeof createChecks>;
export type ZoneChecks = ReturnType<typeof createZoneChecks>;
