import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUTHORITY_IDS, authorityProfiles } from '../../domain/pki/authorities.ts';
import {
  addressInRange,
  machineFactsSchema,
  nodeName,
  ROLES,
  type MachineFacts,
} from '../../domain/pki/facts.ts';
import { certificateProfiles, profileIds } from '../../domain/pki/profiles.ts';

const facts: MachineFacts = {
  domain: 'zone03.prod.example.com',
  role: 'worker',
  slot: 2,
  instanceId: 'i-0123456789abcdef0',
  privateIp: '172.16.0.70',
  serviceCidr: '10.96.0.0/16',
};

test('each role has a profile for each of its ids, with paths and names of its own', () => {
  for (const role of ROLES) {
    const profiles = certificateProfiles({ ...facts, role });
    assert.deepEqual(
      profiles.map(({ id }) => id),
      profileIds(role),
    );
    assert.equal(new Set(profiles.map(({ path }) => path)).size, profiles.length, role);
    for (const profile of profiles) {
      assert.ok(profile.commonName.length > 0 && profile.commonName.length <= 64, profile.id);
      assert.ok(profile.usages.length > 0 && AUTHORITY_IDS.includes(profile.authority), profile.id);
      if (profile.usages.includes('server'))
        assert.ok(profile.ipAddresses.includes(facts.privateIp), profile.id);
      else assert.deepEqual([profile.dnsNames, profile.ipAddresses], [[], []], profile.id);
    }
  }
});

test('only the bootstrap certificate, which lives a day, is of system:masters', () => {
  const all = ROLES.flatMap((role) => certificateProfiles({ ...facts, role }));
  assert.deepEqual(
    all
      .filter(({ organization }) => organization === 'system:masters')
      .map(({ id, lifetimeDays }) => [id, lifetimeDays]),
    [['bootstrap-admin', 1]],
  );
});

test('a kubelet is held to its own node by its name', () => {
  const [client] = certificateProfiles(facts);
  assert.equal(client?.commonName, 'system:node:i-0123456789abcdef0.worker.zone.local');
  assert.equal(client?.organization, 'system:nodes');
  assert.equal(nodeName(facts), 'i-0123456789abcdef0.worker.zone.local');
});

test('addressInRange() counts from the network address, over bytes', () => {
  assert.equal(addressInRange('10.96.0.0/16', 1), '10.96.0.1');
  assert.equal(addressInRange('10.96.3.7/16', 10), '10.96.3.17');
  assert.equal(addressInRange('10.95.255.255/32', 1), '10.96.0.0');
  assert.equal(addressInRange('192.168.0.0/24', 0), '192.168.0.0');
});

test('authorities are told apart by the zone they belong to', () => {
  const [kubernetes] = authorityProfiles('zone03.prod.example.com');
  assert.equal(kubernetes?.organization, 'zone03.prod.example.com');
  assert.equal(new Set(authorityProfiles('x').map(({ path }) => path)).size, AUTHORITY_IDS.length);
});

test('facts with a wrong address or instance id are refused', () => {
  for (const wrong of [
    { privateIp: '172.16.0.256' },
    { instanceId: 'x' },
    { slot: -1 },
    { serviceCidr: '10.0.0.0' },
  ]) {
    assert.ok(!machineFactsSchema.safeParse({ ...facts, ...wrong }).success, JSON.stringify(wrong));
  }
});
