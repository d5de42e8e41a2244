import { backupsPrefix } from '../etcd/backup.ts';
import { fenceKey } from '../keeper/fence.ts';
import { AUTHORITY_IDS, SERVICE_ACCOUNT_KEY } from '../pki/authorities.ts';
import { ROLES, type MachineRole } from '../pki/facts.ts';
import { output, type PlannedStep } from '../plan.ts';
import type { PlanOf } from '../resources/index.ts';
import type { ZoneLayout } from './layout.ts';

export const roleStep = (role: MachineRole): string => `access/role-${role}`;
export const profileStep = (role: MachineRole): string => `access/instance-profile-${role}`;
export const authorityStep = (id: string): string => `pki/${id}`;

/** Folder of the zone's authorities in the zone store. */
export const authoritiesFolder = ({ facts, zone }: ZoneLayout): string =>
  `${facts.storePrefix}zones/${zone}/pki`;

/** An IAM role and an instance profile for each role of machine. */
export const accessSteps = (layout: ZoneLayout): PlannedStep[] =>
  ROLES.flatMap((role): PlannedStep[] => {
    const name = `${layout.domain}-${role}`;
    return [
      {
        step: roleStep(role),
        kind: 'role',
        name,
        role,
        summary: `creating IAM role ${name}`,
        plan: {
          roleName: name,
          statements: [ownPrefix(layout), ...(role === 'border' ? [fence(layout), backups(layout)] : [])],
        },
      },
      {
        step: profileStep(role),
        kind: 'instance-profile',
        name,
        role,
        summary: `creating instance profile ${name}`,
        plan: { profileName: name, roleName: output(roleStep(role), 'roleName') },
      },
    ];
  });

/**
 * A machine reads and writes below its own prefix of the zone store and does nothing else: `aws:userid` is
 * `<role id>:<instance id>` for the credentials of an instance, so no machine can reach another's.
 */
const ownPrefix = ({ facts, spec }: ZoneLayout): PlanOf<'role'>['statements'][number] => ({
  Effect: 'Allow',
  Action: ['s3:GetObject', 's3:PutObject'],
  Resource: [
    `arn:${partitionOf(spec.region)}:s3:::${facts.bucket}/${facts.storePrefix}machines/\${aws:userid}/*`,
  ],
});

/** The zone's worker, on its border, looks before each effect whether the operation still holds the zone. */
const fence = ({ facts, spec, zone }: ZoneLayout): PlanOf<'role'>['statements'][number] => ({
  Effect: 'Allow',
  Action: ['s3:GetObject'],
  Resource: [`arn:${partitionOf(spec.region)}:s3:::${facts.bucket}/${fenceKey(zone)}`],
});

/** The zone's worker on the border makes and proves backups. It cannot delete any, nor list what there is. */
const backups = ({ facts, spec, zone }: ZoneLayout): PlanOf<'role'>['statements'][number] => ({
  Effect: 'Allow',
  Action: ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject', 's3:AbortMultipartUpload'],
  Resource: [
    `arn:${partitionOf(spec.region)}:s3:::${facts.bucket}/${backupsPrefix(zone, facts.storePrefix)}*`,
  ],
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export const partitionOf = (region: string): string =>
  region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';

export const authoritySteps = (layout: ZoneLayout): PlannedStep[] =>
  [...AUTHORITY_IDS, SERVICE_ACCOUNT_KEY.id].map((id) => ({
    step: authorityStep(id),
    kind: 'authority',
    name: `${layout.domain}-${id}`,
    summary:
      id === SERVICE_ACCOUNT_KEY.id ? 'making the key of service accounts' : `making the ${id} authority`,
    plan: {
      bucket: layout.facts.bucket,
      prefix: authoritiesFolder(layout),
      profile: id,
      // The domain, not "zone03": it is what tells the authorities of zones apart.
      zone: layout.domain,
    },
  }));
