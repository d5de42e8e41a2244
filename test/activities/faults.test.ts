import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Clients } from '../../activities/cloud/clients.ts';
import type { Effect, EffectInput } from '../../activities/effect.ts';
import { createAwsEffects } from '../../activities/index.ts';
import type { Kind } from '../../domain/resources/index.ts';
import type { FaultEffect } from '../../sandbox/aws/faults.ts';
import { ADMIN, REGION } from '../sandbox/aws-front.ts';
import { startCloud, type Cloud } from './emulator.ts';
import { deleteUntilGone, effectRunner, SETTINGS, someOwner, untilSettled } from './run-effect.ts';

const REQUEST_TIMEOUT_MS = 700;
/** When what was late or unseen has come to light, milliseconds. */
const LATE_MS = 500;
const unseen: FaultEffect = { kind: 'stale-reads', seconds: LATE_MS / 1_000 };
const FAULTS: Readonly<Record<string, readonly FaultEffect[]>> = {
  'fails before its effect': [{ kind: 'error', code: 'InternalError', status: 500, when: 'before' }],
  'fails after its effect': [{ kind: 'error', code: 'InternalError', status: 500, when: 'after' }],
  'is throttled': [{ kind: 'throttle' }],
  'times out before its effect': [{ kind: 'timeout-before', holdMs: 2_000 }],
  'times out after its effect': [{ kind: 'timeout-after', holdMs: 2_000 }],
  'takes effect after it was given up': [{ kind: 'delay-effect', ms: LATE_MS }],
  'makes what cannot be seen for a while': [unseen],
  'times out and makes what cannot be seen for a while': [{ kind: 'timeout-after', holdMs: 2_000 }, unseen],
};
/** Longer than any fault takes to show, on a busy computer, too. */
const settings = { ...SETTINGS, consistencyWindowMs: 2_500 };

/** A kind, the call that creates it, and a plan of which the nth is like no other. */
interface Case {
  readonly kind: Kind;
  readonly service: string;
  readonly action: string;
  readonly plan: (n: number) => unknown;
}

suite('effects when the call that creates fails', { concurrency: 4 }, () => {
  let cloud: Cloud;
  let clients: Clients;
  let effects: Record<string, Effect<unknown, { readonly id: string }>>;
  const known: Record<string, string> = {};

  const make = async (kind: Kind, plan: unknown) => {
    const runner = effectRunner(kind, effects[kind] as never, settings) as unknown as Runner;
    return (await persist(runner, { owner: someOwner(kind), plan } as EffectInput)).id;
  };

  before(async () => {
    cloud = await startCloud();
    clients = connect({
      region: REGION,
      endpoint: cloud.front.url,
      credentials: ADMIN,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    });
    const bucket = await cloud.bucket('zone-store');
    effects = createAwsEffects(clients, { bucket }) as never;
    known['bucket'] = bucket;
    known['vpcId'] = await make('vpc', { cidr: '10.7.0.0/16' });
    const { vpcId = '' } = known;
    const subnet = { vpcId, cidr: '10.7.0.0/24', availabilityZone: cloud.zoneA };
    known['subnetId'] = await make('subnet', subnet);
    // A VPC has one internet gateway at most.
    for (const n of Object.keys(FAULTS).keys())
      known[`vpc-${n + 1}`] = await make('vpc', { cidr: `10.6.${n}.0/24` });
    known['gateway'] = await make('internet-gateway', { vpcId });
    const group = { vpcId, groupName: 'faults', description: 'faults' };
    known['groupId'] = await make('security-group', group);
    known['routeTableId'] = await make('route-table', { vpcId, subnetIds: [] });
    await make('role', { roleName: 'faults', statements: [] });
    await make('instance-profile', { profileName: 'faults', roleName: 'faults' });
    known['delegationSetId'] = await make('delegation-set', { callerReference: 'faults' });
    const zone = { domain: 'faults.example.com', delegationSetId: known['delegationSetId'] };
    known['hostedZoneId'] = await make('hosted-zone', zone);
  });
  after(async () => {
    for (const client of Object.values(clients)) client.destroy();
    await cloud.stop();
  });

  const ec2 = (kind: Kind, action: string, plan: Case['plan']): Case => ({
    kind,
    service: 'ec2',
    action,
    plan,
  });
  const vpcId = () => known['vpcId'];
  const CASES: Case[] = [
    ec2('vpc', 'CreateVpc', (n) => ({ cidr: `172.16.${n * 2}.0/23` })),
    ec2('subnet', 'CreateSubnet', (n) => ({
      vpcId: vpcId(),
      cidr: `10.7.${n + 1}.0/24`,
      availabilityZone: cloud.zoneA,
    })),
    ec2('internet-gateway', 'CreateInternetGateway', (n) => ({ vpcId: known[`vpc-${n}`] })),
    ec2('elastic-ip', 'AllocateAddress', () => ({})),
    ec2('route-table', 'CreateRouteTable', () => ({ vpcId: vpcId(), subnetIds: [] })),
    ec2('route', 'CreateRoute', (n) => ({
      routeTableId: known['routeTableId'],
      destination: `192.0.${n}.0/24`,
      target: { internetGatewayId: known['gateway'] },
    })),
    ec2('security-group', 'CreateSecurityGroup', (n) => ({
      vpcId: vpcId(),
      groupName: `group-${n}`,
      description: 'test',
    })),
    ec2('instance', 'RunInstances', () => ({
      imageId: cloud.front.sourceImageId,
      instanceType: 't3.micro',
      subnetId: known['subnetId'],
      securityGroupIds: [known['groupId']],
      profileName: 'faults',
      userData: '',
      shutdownBehavior: 'stop',
    })),
    {
      kind: 'role',
      service: 'iam',
      action: 'CreateRole',
      plan: (n) => ({ roleName: `role-${n}`, statements: [] }),
    },
    {
      kind: 'instance-profile',
      service: 'iam',
      action: 'CreateInstanceProfile',
      plan: (n) => ({ profileName: `profile-${n}`, roleName: 'faults' }),
    },
    {
      kind: 'hosted-zone',
      service: 'route53',
      action: 'CreateHostedZone',
      plan: (n) => ({ domain: `zone${n}.example.com`, delegationSetId: known['delegationSetId'] }),
    },
    {
      kind: 'dns-records',
      service: 'route53',
      action: 'ChangeResourceRecordSets',
      plan: (n) => ({
        hostedZoneId: known['hostedZoneId'],
        records: [{ name: `h${n}.faults.example.com`, type: 'A', ttlSeconds: 60, values: ['192.0.2.1'] }],
      }),
    },
    {
      kind: 'store-document',
      service: 's3',
      action: 'PutObject',
      plan: (n) => ({ bucket: known['bucket'], key: `zones/faults/${n}.json`, content: { n } }),
    },
  ];

  for (const { kind, service, action, plan } of CASES) {
    test(`there is one ${kind} and then none when ${action}`, async (context) => {
      for (const [at, [name, faults]] of Object.entries(FAULTS).entries()) {
        await context.test(name, async () => {
          const runner = effectRunner(kind, effects[kind] as never, settings) as unknown as Runner;
          const input = { owner: someOwner(kind), plan: plan(at + 1) } as EffectInput;
          for (const effect of faults)
            await cloud.front.fault({ match: { service, action, times: 1 }, effect });
          const ref = await persist(runner, input);
          await sleep(LATE_MS + 100);
          const found = await untilSettled(() => runner.describe(input));
          assert.deepEqual(
            found.map((one) => one.ref.id),
            [ref.id],
          );
          await deleteUntilGone(runner.delete, input);
          await deleteUntilGone(runner.delete, input);
          assert.deepEqual(await untilSettled(() => runner.describe(input)), []);
        });
      }
    });
  }
});

interface Runner {
  readonly create: (input: EffectInput, attempt: unknown) => Promise<{ readonly id: string }>;
  readonly delete: (input: EffectInput) => Promise<void>;
  readonly describe: (input: EffectInput) => Promise<readonly { readonly ref: { readonly id: string } }[]>;
}

/** Tries again as Temporal does: with the details of the last heartbeat, and knowing how long it has tried. */
function persist(runner: Runner, input: EffectInput): Promise<{ readonly id: string }> {
  const began = Date.now();
  let heartbeatDetails: unknown;
  const onHeartbeat = (details: unknown) => (heartbeatDetails = details);
  return untilSettled((attempt) =>
    runner.create(input, { attempt, heartbeatDetails, age: Date.now() - began, onHeartbeat }),
  );
}
