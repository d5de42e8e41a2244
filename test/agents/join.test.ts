/** The join of a border: real S3, keys, requests and certificates; metadata and STS answer as EC2's do. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { joinZone, type JoinMachine } from '../../agents/join/join.ts';
import { JoinReport } from '../../agents/join/report.ts';
import { readNodeFacts } from '../../agents/host/metadata.ts';
import { openMachineStore } from '../../agents/host/store.ts';
import type { Systemd } from '../../agents/host/systemd.ts';
import { machineKeys, phaseReportSchema } from '../../domain/machine-config.ts';
import { profileIds } from '../../domain/pki/profiles.ts';
import {
  BUCKET,
  openMetadata,
  openSts,
  openTestStore,
  REGION,
  type StandIn,
  type TestStore,
} from '../machine/stand-ins.ts';
import {
  machineConfig,
  makeAuthorities,
  makeRoot,
  nodeFacts,
  signRequests,
  type Authorities,
} from './machine-fixture.ts';

const USER_ID = 'AROAEXAMPLE:i-0123456789abcdef0';
const keys = machineKeys(USER_ID, 'stores/');
const PROFILES = profileIds('border');
const config = { ...machineConfig('border'), region: REGION, bucket: BUCKET, storePrefix: 'stores/' };
let store: TestStore;
let metadata: StandIn;
let sts: StandIn;
let authorities: Authorities;
let root: ReturnType<typeof makeRoot>;
let calls: string[];

before(async () => {
  store = await openTestStore();
  metadata = await openMetadata();
  sts = await openSts(USER_ID);
  authorities = await makeAuthorities();
  process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = metadata.url;
  process.env['AWS_ENDPOINT_URL'] = sts.url;
  process.env['AWS_ENDPOINT_URL_S3'] = store.endpoint;
});
after(async () => {
  for (const each of [sts, metadata, store]) await each?.[Symbol.asyncDispose]();
});
beforeEach((context) => {
  root = makeRoot(config);
  calls = [];
  if ('after' in context) context.after(() => root.remove());
});

const systemd: Systemd = {
  enable: async (units) => void calls.push(`enable ${units.join(' ')}`),
  start: async (units) => void calls.push(`start ${units.join(' ')}`),
  restart: async (units) => void calls.push(`restart ${units.join(' ')}`),
  states: async (units) => units.map(() => 'active'),
};

const machine = (): JoinMachine => ({
  files: root.files,
  systemd,
  report: new JoinReport('boot-1'),
  readFacts: readNodeFacts,
  openStore: openMachineStore,
  pollMs: 100,
  healthMs: 5000,
});

/** Joins while requests are signed whenever they are there, as the worker does. */
async function joinSigned(): Promise<void> {
  let joined = false;
  const joining = joinZone(machine()).finally(() => (joined = true));
  while (!joined) {
    await sleep(100);
    await sign().catch((error: unknown) => assert.equal((error as Error).name, 'NoSuchKey'));
  }
  await joining;
}

async function sign(): Promise<void> {
  const requests = await Promise.all(
    PROFILES.map(async (id) => [id, await store.get(keys.request(id))] as const),
  );
  const answer = signRequests(new Map(requests), authorities, 'border', nodeFacts());
  await store.put(keys.certificates, JSON.stringify(answer));
}

const report = async () => phaseReportSchema.parse(JSON.parse(await store.get(keys.phase)));
const UNITS =
  'zonewright-api-proxy.service zonewright-border-agent.service zonewright-haproxy.service zonewright-zone-worker.service';

test('a border joins; a second boot keeps what is there and asks for nothing', async () => {
  await joinSigned();
  const { phase, history } = await report();
  assert.equal(phase, 'ready');
  assert.deepEqual(
    history.map((entry) => entry.phase),
    ['metadata', 'hostname', 'keys', 'requests', 'certificates', 'configuration', 'units', 'health', 'ready'],
  );
  assert.match(await store.get(keys.log), /certificates[\s\S]*ready/);
  assert.deepEqual(calls, [`enable ${UNITS}`, `restart ${UNITS}`]);
  assert.deepEqual(metadata.withoutToken, []);

  const at = (path: string): string => root.files.at(path);
  assert.equal(statSync(at('/etc/zonewright/pki/operator.key')).mode & 0o777, 0o600);
  for (const name of ['operator', 'etcd-client']) {
    const ca = at(name === 'operator' ? '/etc/kubernetes/pki/ca.crt' : '/etc/etcd/pki/ca.crt');
    assert.match(
      execFileSync('openssl', ['verify', '-CAfile', ca, at(`/etc/zonewright/pki/${name}.crt`)], {
        encoding: 'utf8',
      }),
      /OK/,
    );
  }
  assert.equal(
    readFileSync(at('/proc/sys/kernel/hostname'), 'utf8'),
    'i-0123456789abcdef0.border.zone.local',
  );
  assert.match(
    readFileSync(at('/etc/hosts'), 'utf8'),
    /^127\.0\.0\.1 localhost\n172\.16\.0\.70 i-0123456789abcdef0\.border\.zone\.local/,
  );
  assert.match(readFileSync(at('/etc/zonewright/node.env'), 'utf8'), /^ZW_PRIVATE_IP=172\.16\.0\.70$/m);

  const key = readFileSync(at('/etc/zonewright/pki/operator.key'), 'utf8');
  calls = [];
  await joinZone(machine());
  assert.deepEqual(calls, [`enable ${UNITS}`, `start ${UNITS}`]);
  assert.equal(readFileSync(at('/etc/zonewright/pki/operator.key'), 'utf8'), key);
  assert.ok(!(await report()).history.some((entry) => entry.phase === 'requests'));
});

test('certificates of other keys are not taken: a machine made anew waits for its own', async () => {
  // The answer to the machine of the test before still lies in the prefix.
  const joining = joinZone(machine());
  for (let left = 100; (await report()).phase !== 'certificates' && left > 0; left--) {
    await sleep(50);
  }
  assert.match((await report()).detail ?? 'waiting', /waiting/);
  while ((await report()).phase !== 'ready') {
    await sign();
    await sleep(100);
  }
  await joining;
  assert.equal((await report()).phase, 'ready');
});

test('half a pair is refused: a certificate whose key is gone', async () => {
  await joinSigned();
  rmSync(root.files.at('/etc/zonewright/pki/operator.key'));
  await assert.rejects(
    joinZone(machine()),
    /"\/etc\/zonewright\/pki\/operator": its certificate exists, its key does not/,
  );
});

test('a configuration that is none is refused with its path', async () => {
  writeFileSync(root.files.at('/etc/zonewright/machine.json'), '{"role": "border"}');
  await assert.rejects(joinZone(machine()), /machine\.json[\s\S]*zone: \(missing\)/);
});
