/**
 * Idempotency by client token: the same request again answers what the first one made; the same token with other
 * parameters, or for an instance that is gone, is refused.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
 */
import { AwsError, succeeded } from '../call.ts';
import type { Answer, Call, Rule } from '../call.ts';
import { kindOfId } from '../kinds.ts';
import type { World } from '../world.ts';
import { itemsOf, textOf } from '../xml.ts';
import type { XmlObject } from '../xml.ts';

/** Where the answer to a call names what it made, and what the answer calls it. */
const CREATED: Readonly<Record<string, { readonly field: string | undefined; readonly id: string }>> = {
  RunInstances: { field: 'instancesSet', id: 'instanceId' },
  CreateNatGateway: { field: 'natGateway', id: 'natGatewayId' },
  CreateRouteTable: { field: 'routeTable', id: 'routeTableId' },
  CreateVolume: { field: undefined, id: 'volumeId' },
  CreateLaunchTemplate: { field: 'launchTemplate', id: 'launchTemplateId' },
  CreateNetworkInterface: { field: 'networkInterface', id: 'networkInterfaceId' },
  CopyImage: { field: undefined, id: 'imageId' },
};

interface Remembered {
  readonly fingerprint: string;
  readonly ids: readonly string[];
  readonly answer: Answer;
}

export function clientTokens(world: World): Rule {
  const remembered = new Map<string, Remembered>();
  return {
    name: 'client-tokens',
    actions: Object.keys(CREATED).map((action) => `ec2:${action}`),
    async apply(call, next) {
      const token = call.params.get('ClientToken');
      if (token === null || token === '') return next(call);
      if (token.length > 64)
        throw new AwsError('InvalidParameterValue', `ClientToken "${token}" exceeds 64 characters`);
      const key = `${call.action} ${token} ${await zoneOf(world, call)}`;
      const fingerprint = fingerprintOf(call);
      const known = remembered.get(key);
      if (known !== undefined) return repeat(world, call, known, fingerprint);
      const answer = await next(call);
      if (succeeded(answer)) remembered.set(key, { fingerprint, ids: idsOf(call, answer), answer });
      return answer;
    },
  };
}

/** Tokens of RunInstances hold in one Availability Zone where the request names one. */
async function zoneOf(world: World, call: Call): Promise<string> {
  if (call.action !== 'RunInstances') return '';
  const subnetId = call.params.get('SubnetId') ?? call.params.get('NetworkInterface.1.SubnetId');
  if (subnetId === null) return call.params.get('Placement.AvailabilityZone') ?? '';
  const subnets = await world.read('DescribeSubnets', { 'SubnetId.1': subnetId });
  return textOf(itemsOf(subnets, 'subnetSet')[0], 'availabilityZone') ?? '';
}

function fingerprintOf(call: Call): string {
  const pairs = [...call.params].filter(([name]) => !['ClientToken', 'Version', 'DryRun'].includes(name));
  return JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function idsOf(call: Call, answer: Answer): string[] {
  const { field, id } = CREATED[call.action]!;
  const fields = answer.document?.fields ?? {};
  const made = field === undefined ? [fields] : itemsOf(fields, field);
  return made.flatMap((each) => textOf(each, id) ?? []);
}

async function repeat(world: World, call: Call, known: Remembered, fingerprint: string): Promise<Answer> {
  if (known.fingerprint !== fingerprint) {
    const message =
      'The client token you have provided is associated with a resource with different parameters.';
    throw new AwsError('IdempotentParameterMismatch', message);
  }
  const kind = kindOfId(known.ids[0] ?? '');
  const name = known.answer.document?.name;
  if (kind === undefined || name === undefined) return known.answer;
  if (call.action === 'RunInstances') refuseTerminated(world, known.ids);
  const params = Object.fromEntries(known.ids.map((id, i) => [`${idParameter(kind.idField)}.${i + 1}`, id]));
  const described = await world.read(kind.describe, params).catch((error: unknown) => {
    // What was deleted meanwhile is still answered as it was made.
    if (error instanceof AwsError) return undefined;
    throw error;
  });
  const now = described === undefined ? undefined : answerNow(call, described, kind.set);
  return now === undefined
    ? known.answer
    : { ...known.answer, document: { name, fields: { ...known.answer.document?.fields, ...now } } };
}

function refuseTerminated(world: World, ids: readonly string[]): void {
  for (const id of ids) {
    const state = world.instances.get(id)?.state;
    if (state !== 'terminated' && state !== 'shutting-down') continue;
    const message = `The client token you have provided is associated with instance ${id}, which has been terminated.`;
    throw new AwsError('IdempotentInstanceTerminated', message);
  }
}

function answerNow(call: Call, described: XmlObject, set: string): XmlObject | undefined {
  const { field } = CREATED[call.action]!;
  if (call.action === 'RunInstances') {
    const instances = itemsOf(described, 'reservationSet').flatMap((each) => itemsOf(each, 'instancesSet'));
    return instances.length === 0 ? undefined : { instancesSet: { item: instances } };
  }
  const made = itemsOf(described, set)[0];
  return made === undefined || call.action === 'CopyImage'
    ? undefined
    : field === undefined
      ? made
      : { [field]: made };
}

const idParameter = (field: string): string => field.charAt(0).toUpperCase() + field.slice(1);
