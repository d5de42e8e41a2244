import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  contains,
  formatAddress,
  formatCidr,
  overlaps,
  parseAddress,
  parseCidr,
  partOf,
  sizeOf,
} from '../../domain/network/cidr.ts';
import {
  ENVIRONMENTS,
  nodePodCidr,
  nodePodRanges,
  slotAddress,
  slotsOf,
  zoneAddresses,
  zoneCidr,
  ZONES,
} from '../../domain/zone/addresses.ts';
import { ROLES, type MachineRole } from '../../domain/pki/facts.ts';

const given = {
  environmentIndex: 0,
  zoneIndex: 3,
  availabilityZones: ['us-east-1b', 'us-east-1d', 'us-east-1a'],
  podCidr: '10.64.0.0/16',
  serviceCidr: '10.96.0.0/16',
};

for (const [environment, zone, expected] of [
  [0, 0, '172.16.0.0/23'],
  [0, 3, '172.16.6.0/23'],
  [0, 15, '172.16.30.0/23'],
  [1, 0, '172.16.32.0/23'],
  [7, 15, '172.16.254.0/23'],
  [8, 0, '172.17.0.0/23'],
  [127, 0, '172.31.224.0/23'],
  [127, 15, '172.31.254.0/23'],
] as const) {
  test(`zoneCidr(${environment}, ${zone}) is ${expected}`, () => {
    assert.equal(zoneCidr(environment, zone), expected);
  });
}

for (const [environment, zone] of [
  [-1, 0],
  [128, 0],
  [0, 16],
  [0, -1],
  [0.5, 0],
  [NaN, 0],
] as const) {
  test(`zoneCidr(${environment}, ${zone}) is refused`, () => {
    assert.throws(() => zoneCidr(environment, zone), RangeError);
  });
}

test('zones of all environments fill the space without overlap', () => {
  const seen = new Set<string>();
  const space = parseCidr('172.16.0.0/12');
  for (let environment = 0; environment < ENVIRONMENTS; environment++) {
    for (let zone = 0; zone < ZONES; zone++) {
      const cidr = zoneCidr(environment, zone);
      assert.ok(contains(space, parseCidr(cidr)));
      seen.add(cidr);
    }
  }
  assert.equal(seen.size * sizeOf(parseCidr('172.16.0.0/23')), sizeOf(space));
});

test('zoneAddresses() splits the VPC into six subnets and leaves two free', () => {
  const { subnets, vpcCidr } = zoneAddresses(given);
  assert.deepEqual(
    subnets.map(({ name, cidr, availabilityZone }) => [name, cidr, availabilityZone]),
    [
      ['public-a', '172.16.6.0/26', 'us-east-1b'],
      ['public-b', '172.16.6.64/26', 'us-east-1d'],
      ['public-c', '172.16.6.128/26', 'us-east-1a'],
      ['private-a', '172.16.6.192/26', 'us-east-1b'],
      ['private-b', '172.16.7.0/26', 'us-east-1d'],
      ['private-c', '172.16.7.64/26', 'us-east-1a'],
    ],
  );
  for (const { cidr } of subnets) assert.ok(contains(parseCidr(vpcCidr), parseCidr(cidr)));
});

test('zoneAddresses() finds API and DNS in the service range', () => {
  const { apiServiceIp, dnsServiceIp } = zoneAddresses(given);
  assert.deepEqual([apiServiceIp, dnsServiceIp], ['10.96.0.1', '10.96.0.10']);
});

test('zoneAddresses() refuses fewer than three availability zones', () => {
  assert.throws(() => zoneAddresses({ ...given, availabilityZones: ['us-east-1a'] }), /fewer than 3/);
});

for (const [role, slot, subnet, address] of [
  ['border', 0, 'public-a', '172.16.6.10'],
  ['border', 1, 'public-b', '172.16.6.74'],
  ['border', 3, 'public-a', '172.16.6.11'],
  ['border', 29, 'public-c', '172.16.6.147'],
  ['director', 0, 'private-a', '172.16.6.202'],
  ['director', 2, 'private-c', '172.16.7.74'],
  ['worker', 0, 'private-a', '172.16.6.212'],
  ['worker', 5, 'private-c', '172.16.7.85'],
  ['worker', 128, 'private-c', '172.16.7.126'],
] as const) {
  test(`slotAddress() places ${role} ${slot} at ${address}`, () => {
    const place = slotAddress(zoneAddresses(given), role, slot);
    assert.equal(place.subnet, subnet);
    assert.equal(place.privateIp, address);
  });
}

test('no two slots share an address and none takes what AWS keeps', () => {
  const addresses = zoneAddresses(given);
  const seen = new Set<string>();
  for (const role of ROLES) {
    for (let slot = 0; slot < slotsOf(role); slot++) {
      const { subnet, privateIp } = slotAddress(addresses, role, slot);
      const range = parseCidr(addresses.subnets.find(({ name }) => name === subnet)!.cidr);
      const offset = parseAddress(privateIp) - range.first;
      assert.ok(offset >= 4 && offset <= sizeOf(range) - 2, `${role} ${slot}: ${privateIp}`);
      assert.ok(!seen.has(privateIp), privateIp);
      seen.add(privateIp);
    }
  }
});

for (const [role, slot] of [
  ['border', 30],
  ['director', -1],
  ['worker', 129],
  ['worker', 0.5],
] as readonly [MachineRole, number][]) {
  test(`slotAddress() refuses ${role} ${slot}`, () => {
    assert.throws(() => slotAddress(zoneAddresses(given), role, slot), /Cannot place/);
  });
}

for (const [podCidr, slot, expected] of [
  ['10.64.0.0/16', 0, '10.64.0.0/24'],
  ['10.64.0.0/16', 255, '10.64.255.0/24'],
  ['10.0.0.0/8', 256, '10.1.0.0/24'],
  ['10.64.1.0/24', 0, '10.64.1.0/24'],
] as const) {
  test(`nodePodCidr(${podCidr}, ${slot}) is ${expected}`, () => {
    assert.equal(nodePodCidr(podCidr, slot), expected);
  });
}

test('nodePodCidr() refuses a node that the range has no room for', () => {
  assert.equal(nodePodRanges('10.64.0.0/22'), 4);
  assert.throws(() => nodePodCidr('10.64.0.0/22', 4), RangeError);
  assert.throws(() => nodePodCidr('10.64.0.0/25', 0), RangeError);
});

for (const text of ['10.0.0.0', '10.0.0/8', '10.0.0.256/32', '10.0.0.0/33', '10.0.0.1/24', 'x', '', '::/0']) {
  test(`parseCidr("${text}") is refused`, () => {
    assert.throws(() => parseCidr(text), RangeError);
  });
}

test('parseCidr() reads the whole space and its ends', () => {
  assert.deepEqual(parseCidr('0.0.0.0/0'), { first: 0, prefix: 0 });
  assert.deepEqual(parseCidr('255.255.255.255/32'), { first: 2 ** 32 - 1, prefix: 32 });
  assert.equal(formatAddress(2 ** 32 - 1), '255.255.255.255');
  assert.equal(formatCidr(partOf(parseCidr('0.0.0.0/0'), 1, 1)), '128.0.0.0/1');
});

for (const [a, b, expected] of [
  ['10.0.0.0/8', '10.255.0.0/16', true],
  ['10.255.0.0/16', '10.0.0.0/8', true],
  ['10.0.0.0/9', '10.128.0.0/9', false],
  ['10.0.0.0/24', '10.0.0.0/24', true],
  ['0.0.0.0/0', '255.255.255.255/32', true],
] as const) {
  test(`${a} and ${b} ${expected ? 'overlap' : 'do not overlap'}`, () => {
    assert.equal(overlaps(parseCidr(a), parseCidr(b)), expected);
  });
}
