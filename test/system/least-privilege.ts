/** What machines and pods of a zone can reach with what they hold. */
import assert from 'node:assert/strict';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { withAws } from '../../clients/aws.ts';
import { loadContext } from '../../clients/contexts.ts';
import { askAws, inside, kubectl } from './machines.ts';
import type { Machine } from './machines.ts';
import { sandbox } from './person.ts';

const METADATA = 'http://169.254.169.254';
const PROBE = '/latest/api/token';

/** @param zone its machines by their slots; a pod `web` runs in it */
export async function checkLeastPrivilege(zone: ReadonlyMap<string, Machine>): Promise<void> {
  for (const [slot, machine] of zone) {
    const others = [...zone.values()].filter((other) => other !== machine);
    await checkCredentials(slot, machine, others);
    await checkMetadata(machine);
    await checkFiles(machine);
  }
  const border = zone.get('border-0');
  const director = zone.get('director-0');
  assert.ok(border && director);
  await checkPod(border, director);
}

/** Its own prefix of the store, and nothing besides. */
async function checkCredentials(slot: string, machine: Machine, machines: readonly Machine[]): Promise<void> {
  const { bucket } = sandbox();
  const others = await Promise.all(machines.map((other) => prefixOf(other)));
  const key = (name: string, service: string, key: string) => ({ name, service, bucket, key });
  const { identity, ...answers } = await askAws(machine, [
    key('write own', 's3:put', '<own>/probe'),
    key('read own', 's3:get', '<own>/probe'),
    key('write beside it', 's3:put', '<own>-not/probe'),
    ...others.map((other, n) => key(`read other ${n}`, 's3:get', `${other}certificates.json`)),
    key('read the manifest', 's3:get', 'zones/zone03/manifest.json'),
    key('read an authority', 's3:get', 'zones/zone03/pki/kubernetes/key.sealed'),
    key('read the fence', 's3:get', 'zones/zone03/fence.json'),
    key('write the fence', 's3:put', 'zones/zone03/fence.json'),
    key('read the leases', 's3:get', 'zones/zone03/leases.json'),
    key('list everything', 's3:list', ''),
    key('write the manifest', 's3:put', 'zones/zone03/manifest.json'),
    key('write a backup', 's3:put', 'zones/zone03/backups/probe/1/snapshot.db'),
    key('read a backup', 's3:get', 'zones/zone03/backups/probe/1/snapshot.db'),
    key('delete a backup', 's3:delete', 'zones/zone03/backups/probe/1/snapshot.db'),
    key('list backups', 's3:list', 'zones/zone03/backups/'),
    key('write a backup of another zone', 's3:put', 'zones/zone04/backups/probe/1/snapshot.db'),
    { name: 'see machines', service: 'ec2' },
    { name: 'see roles', service: 'iam' },
  ]);
  assert.match(identity ?? '', new RegExp(`:${machine.id}$`), slot);
  assert.deepEqual(
    answers,
    {
      'write own': 'ok',
      'read own': 'ok',
      'write beside it': 'AccessDenied',
      ...Object.fromEntries(others.map((_, n) => [`read other ${n}`, 'AccessDenied'])),
      'read the manifest': 'AccessDenied',
      'read an authority': 'AccessDenied',
      // What the zone's worker checks its leave by, on the border.
      'read the fence': slot.startsWith('border') ? 'ok' : 'AccessDenied',
      'write the fence': 'AccessDenied',
      'read the leases': 'AccessDenied',
      'list everything': 'AccessDenied',
      'write the manifest': 'AccessDenied',
      // The zone's worker makes and proves backups; none of them can be deleted from inside the zone.
      'write a backup': slot === 'border-0' ? 'ok' : 'AccessDenied',
      'read a backup': slot === 'border-0' ? 'ok' : 'AccessDenied',
      'delete a backup': 'AccessDenied',
      'list backups': 'AccessDenied',
      'write a backup of another zone': 'AccessDenied',
      'see machines': 'UnauthorizedOperation',
      'see roles': 'AccessDenied',
    },
    slot,
  );
}

/** Where a machine's objects lie, found by somebody who may look. */
async function prefixOf({ id }: Machine): Promise<string> {
  const { bucket } = sandbox();
  const { CommonPrefixes = [] } = await withAws(loadContext('sandbox'), ({ s3 }) =>
    s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'machines/', Delimiter: '/' })),
  );
  const found = CommonPrefixes.find(({ Prefix = '' }) => Prefix.endsWith(`:${id}/`))?.Prefix;
  assert.ok(found, `objects of ${id}`);
  return found;
}

/** Version 1 of the service is refused; version 2 says who the machine is. */
async function checkMetadata(machine: Machine): Promise<void> {
  const curl = (...args: string[]) => inside(machine, 'curl', '-s', '--max-time', '5', ...args);
  const id = `${METADATA}/latest/meta-data/instance-id`;
  assert.equal(await curl('-o', '/dev/null', '-w', '%{http_code}', id), '401');
  const lifetime = 'X-aws-ec2-metadata-token-ttl-seconds: 60';
  const token = await curl('-X', 'PUT', '-H', lifetime, `${METADATA}${PROBE}`);
  assert.equal(await curl('-H', `X-aws-ec2-metadata-token: ${token}`, id), machine.id);
  const userData = await curl('-H', `X-aws-ec2-metadata-token: ${token}`, `${METADATA}/latest/user-data`);
  assert.match(userData, /^#cloud-config/);
  assert.doesNotMatch(userData, /PRIVATE KEY|AKIA|ASIA|[Ss]ecretAccessKey/);
}

/** Private keys are for their owners only. */
async function checkFiles(machine: Machine): Promise<void> {
  const found = await inside(
    machine,
    'find',
    '/etc',
    '/var/lib',
    '-xdev',
    '-name',
    '*.key',
    '-printf',
    '%m %p\\n',
  );
  const open = found.split('\n').filter((line) => line !== '' && !line.startsWith('600 '));
  assert.deepEqual(open, []);
}

/** A pod is one hop further than the metadata service answers; it does reach what is meant for it. */
async function checkPod(border: Machine, director: Machine): Promise<void> {
  const ask = `printf 'PUT ${PROBE} HTTP/1.0\\r\\nX-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n'`;
  const script = [
    `${ask} | nc -w 3 169.254.169.254 80 && echo metadata answers`,
    `nc -w 3 ${director.privateIp} 6443 </dev/null && echo API reached`,
    'true',
  ].join('; ');
  const said = await kubectl(border, 'exec', 'web', '--', 'sh', '-c', script);
  assert.equal(said.trim(), 'API reached');
}
