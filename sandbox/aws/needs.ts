/** What a call needs to be allowed, and in which context, in the words of policies. */
import { isRead, tagSpecification } from './call.ts';
import type { Call } from './call.ts';
import { kindOfId } from './kinds.ts';

export interface Need {
  readonly action: string;
  readonly resource: string;
}

export type Context = Readonly<Record<string, string | readonly string[]>>;

/** What the call needs, by the service's own table of actions and resources. */
export function needsOf(call: Call, region: string, accountId: string): Need[] {
  const action = `${call.service}:${call.action}`;
  if (call.service === 'ec2') {
    if (isRead(call.action)) return [{ action, resource: '*' }];
    const resources = new Set<string>();
    for (const [, value] of call.params) {
      const kind = kindOfId(value);
      if (kind !== undefined)
        resources.add(`arn:aws:ec2:${region}:${accountId}:${kind.resourceType}/${value}`);
    }
    return resources.size === 0
      ? [{ action, resource: '*' }]
      : [...resources].map((resource) => ({ action, resource }));
  }
  if (call.service === 'iam') return [{ action, resource: iamResource(call.params, accountId) }];
  if (call.service === 'route53') {
    const zone = /\/hostedzone\/([^/]+)/.exec(call.path)?.[1];
    return [{ action, resource: zone === undefined ? '*' : `arn:aws:route53:::hostedzone/${zone}` }];
  }
  if (call.service === 'kms') {
    const key = /"KeyId"\s*:\s*"([^"]+)"/.exec(call.body.toString())?.[1];
    const arn =
      key?.startsWith('arn:') === true ? key : `arn:aws:kms:${region}:${accountId}:key/${key ?? ''}`;
    return [{ action, resource: key === undefined ? '*' : arn }];
  }
  return [{ action, resource: call.params.get('RoleArn') ?? '*' }];
}

function iamResource(params: URLSearchParams, accountId: string): string {
  for (const [name, type] of [
    ['InstanceProfileName', 'instance-profile'],
    ['RoleName', 'role'],
    ['UserName', 'user'],
  ] as const) {
    if (params.has(name)) return `arn:aws:iam::${accountId}:${type}/${params.get(name)}`;
  }
  return params.get('PolicyArn') ?? '*';
}

export function requestContext(call: Call): Context {
  const resourceType = call.params.get('TagSpecification.1.ResourceType') ?? '';
  const tags = tagSpecification(call.params, resourceType);
  const entries = Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value]);
  return { ...Object.fromEntries(entries), 'aws:TagKeys': Object.keys(tags) };
}
