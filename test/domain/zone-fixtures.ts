import { parse } from '../../domain/parse.ts';
import { zoneFactsSchema, planZone, type ZoneFacts, type ZonePlan } from '../../domain/zone/plan.ts';
import { zoneSpecSchema, type ZoneSpec, type ZoneSpecInput } from '../../domain/zone/spec.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';

const LEAST: ZoneSpecInput = {
  environment: { name: 'prod', domain: 'prod.example.com', index: 0 },
  zone: 3,
  region: 'us-east-1',
  availabilityZones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
  image: { id: 'ami-0123456789abcdef0' },
  kubernetes: { version: '1.36.3', podCidr: '10.64.0.0/16', serviceCidr: '10.96.0.0/16' },
  border: { instanceType: 't3.small' },
  director: { instanceType: 't3.medium' },
  workers: [{ instanceType: 't3.medium', count: 1 }],
};

export const zoneSpec = (changes: Partial<ZoneSpecInput> = {}): ZoneSpec =>
  parse(zoneSpecSchema, { ...LEAST, ...changes }, 'the test');

export const zoneFacts = (changes: Partial<ZoneFacts> = {}): ZoneFacts =>
  parse(
    zoneFactsSchema,
    {
      accountId: '123456789012',
      bucket: 'prod-example-com-store',
      imageId: 'ami-0123456789abcdef0',
      environmentHostedZoneId: 'Z0123456789',
      temporal: { address: 'temporal.example.com:7233', namespace: 'zonewright' },
      ...changes,
    },
    'the test',
  );

export const planOf = (spec: Partial<ZoneSpecInput> = {}, facts: Partial<ZoneFacts> = {}): ZonePlan =>
  planZone(zoneSpec(spec), zoneFacts(facts), nodeUserData);

/** Numbers that look random and are the same for the same seed. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Some valid specification. */
export function someSpec(seed: number): Partial<ZoneSpecInput> {
  const next = randomNumbers(seed);
  const region = ['us-east-1', 'eu-central-1', 'us-gov-west-1', 'cn-north-1'][next(4)]!;
  return {
    environment: { name: 'some', domain: ['a.example.com', 'x.io'][next(2)]!, index: next(128) },
    zone: next(16),
    region,
    availabilityZones: ['b', 'a', 'd'].map((letter) => region + letter),
    kubernetes: {
      version: '1.36.3',
      podCidr: ['10.64.0.0/16', '10.0.0.0/9', '100.64.0.0/10'][next(3)]!,
      serviceCidr: ['10.128.0.0/16', '192.168.0.0/20'][next(2)]!,
    },
    network: { nat: ['single', 'per-availability-zone'][next(2)]! },
    border: {
      instanceType: 't3.small',
      publicPorts: [[], [443], [80, 443, 443]][next(3)]!,
      sshFrom: [[], ['192.0.2.0/24', '192.0.2.0/24']][next(2)]!,
    },
    workers: Array.from({ length: 1 + next(3) }, () => ({
      instanceType: 'm6i.large',
      count: 1 + next(5),
      labels: { 'example.com/pool': `pool-${next(3)}` },
    })),
    dns: { delegation: (['automatic', 'manual'] as const)[next(2)]! },
  };
}
