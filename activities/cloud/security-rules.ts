import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
  type EC2Client,
  type IpPermission,
  type SecurityGroup,
} from '@aws-sdk/client-ec2';
import type { PlanOf } from '../../domain/resources/index.ts';

type PlannedRule = PlanOf<'security-group-rules'>['ingress'][number];

/** One rule with one peer; EC2 groups them by port. */
export interface Rule extends Omit<PlannedRule, 'description'> {
  readonly direction: 'ingress' | 'egress';
  readonly description?: string | undefined;
}

/** What EC2 gives every new group. */
export const DEFAULT_EGRESS: Rule = { direction: 'egress', protocol: '-1', peer: { cidr: '0.0.0.0/0' } };

/** All rules of a group, as EC2 has them. */
export function rulesOf(group: SecurityGroup): Rule[] {
  const expand = (direction: Rule['direction'], permissions: IpPermission[] | undefined) =>
    (permissions ?? []).flatMap((permission) => rulesOfPermission(direction, permission));
  return [...expand('ingress', group.IpPermissions), ...expand('egress', group.IpPermissionsEgress)];
}

function rulesOfPermission(direction: Rule['direction'], permission: IpPermission): Rule[] {
  const protocol = (permission.IpProtocol ?? '-1') as Rule['protocol'];
  const ports =
    protocol === '-1'
      ? {}
      : {
          ...(permission.FromPort === undefined ? {} : { fromPort: permission.FromPort }),
          ...(permission.ToPort === undefined ? {} : { toPort: permission.ToPort }),
        };
  const base = { direction, protocol, ...ports };
  return [
    ...(permission.IpRanges ?? []).map(({ CidrIp = '', Description }) => ({
      ...base,
      peer: { cidr: CidrIp },
      description: Description,
    })),
    ...(permission.UserIdGroupPairs ?? []).map(({ GroupId = '', Description }) => ({
      ...base,
      peer: { securityGroupId: GroupId },
      description: Description,
    })),
  ];
}

/** What makes two rules one to EC2: everything but the description. */
export const ruleKey = ({ direction, protocol, fromPort, toPort, peer }: Rule): string => {
  const ports = protocol === '-1' ? '' : ` ${fromPort ?? -1}-${toPort ?? -1}`;
  return `${direction} ${protocol}${ports} ${'cidr' in peer ? peer.cidr : peer.securityGroupId}`;
};

/** With the description also where rules are taken away: emulators compare it, though AWS does not. */
function permissionOf(rule: Rule): IpPermission {
  const { protocol, fromPort, toPort, peer, description } = rule;
  const said = description === undefined ? {} : { Description: description };
  return {
    IpProtocol: protocol,
    ...(protocol === '-1' ? {} : { FromPort: fromPort ?? -1, ToPort: toPort ?? -1 }),
    ...('cidr' in peer
      ? { IpRanges: [{ CidrIp: peer.cidr, ...said }] }
      : { UserIdGroupPairs: [{ GroupId: peer.securityGroupId, ...said }] }),
  };
}

/** Adds rules by at most two calls. */
export async function authorize(
  ec2: EC2Client,
  GroupId: string,
  rules: readonly Rule[],
  signal: AbortSignal,
): Promise<void> {
  const of = (direction: Rule['direction']) => ({
    GroupId,
    IpPermissions: rules.filter((rule) => rule.direction === direction).map(permissionOf),
  });
  const [ingress, egress] = [of('ingress'), of('egress')];
  if (ingress.IpPermissions.length > 0)
    await ec2.send(new AuthorizeSecurityGroupIngressCommand(ingress), { abortSignal: signal });
  if (egress.IpPermissions.length > 0)
    await ec2.send(new AuthorizeSecurityGroupEgressCommand(egress), { abortSignal: signal });
}

/** Takes rules away by at most two calls. */
export async function revoke(
  ec2: EC2Client,
  GroupId: string,
  rules: readonly Rule[],
  signal: AbortSignal,
): Promise<void> {
  const of = (direction: Rule['direction']) => ({
    GroupId,
    IpPermissions: rules.filter((rule) => rule.direction === direction).map(permissionOf),
  });
  const [ingress, egress] = [of('ingress'), of('egress')];
  if (ingress.IpPermissions.length > 0)
    await ec2.send(new RevokeSecurityGroupIngressCommand(ingress), { abortSignal: signal });
  if (egress.IpPermissions.length > 0)
    await ec2.send(new RevokeSecurityGroupEgressCommand(egress), { abortSignal: signal });
}
