/** What a person asks of nodes that cannot be is refused before anything is started: Temporal is never reached here. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { stringify } from 'yaml';
import { layOut } from '../../domain/zone/layout.ts';
import { manifestKey, newManifest } from '../../domain/zone/manifest.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { planZone } from '../../domain/zone/plan.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';
import { startCloud } from '../activities/emulator.ts';
import type { Cloud } from '../activities/emulator.ts';
import { zoneFacts, zoneSpec } from '../domain/zone-fixtures.ts';
import { ADMIN, REGION } from '../sandbox/aws-front.ts';
import { freshPerson, zonewright } from './cli.ts';
import type { CliResult } from './cli.ts';

const BUCKET = 'cli-node-store';
const INSTANCE = 'i-0123456789abcdef';

let cloud: Cloud;
before(async () => {
  cloud = await startCloud();
  await cloud.bucket(BUCKET);
  await write('zone03', 'active', 2);
  await write('zone04', 'active', 1);
  await write('zone05', 'destroying', 2);
});
after(() => cloud.stop());

/** A zone whose parts are all there, as its manifest says it. */
async function write(zone: string, state: ZoneManifest['state'], workers: number): Promise<void> {
  const spec = zoneSpec({
    zone: Number(zone.slice(4)),
    workers: [{ instanceType: 't3.medium', count: workers }],
  });
  const facts = zoneFacts({ bucket: BUCKET });
  const plan = planZone(spec, facts, nodeUserData);
  const machines = layOut(spec, facts).machines.map(({ name }) => name);
  const idOf = (step: string): string => {
    const at = machines.findIndex((name) => step === `machines/${name}/instance`);
    return at < 0 ? `id-of-${step}` : `${INSTANCE}${at}`;
  };
  const made = plan.steps.map(({ step, kind, name }) => ({
    ...{ step, kind, plan: {}, ref: { id: idOf(step) } },
    owner: { environment: plan.environment, operation: 'create-it.12345678', step, incarnation: 1, name },
  }));
  const manifest = { ...newManifest(plan, spec, new Date().toISOString(), facts), state, made };
  await cloud.clients.s3.send(
    new PutObjectCommand({ Bucket: BUCKET, Key: manifestKey(zone), Body: JSON.stringify(manifest) }),
  );
}

/** Temporal is nowhere: whatever starts something fails in other words. */
function person(t: TestContext): (...args: string[]) => Promise<CliResult> {
  const { env } = freshPerson(t);
  const contexts = join(env['ZONEWRIGHT_HOME'] ?? '', 'contexts');
  mkdirSync(contexts, { recursive: true });
  const context = {
    temporal: { address: '127.0.0.1:1', namespace: 'dev' },
    aws: { region: REGION, endpoint: cloud.front.url },
    store: { bucket: BUCKET },
    environment: { name: 'prod', domain: 'prod.example.com' },
  };
  writeFileSync(join(contexts, 'cloud.yaml'), stringify(context));
  const credentials = { AWS_ACCESS_KEY_ID: ADMIN.accessKeyId, AWS_SECRET_ACCESS_KEY: ADMIN.secretAccessKey };
  return (...args) => zonewright(args, { env: { ...env, ...credentials, ZONEWRIGHT_CONTEXT: 'cloud' } });
}

const REFUSED: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
  [
    ['join', 'zone09', '--yes'],
    2,
    /Cannot find zone "zone09" in "prod.example.com"\n {2}expected: one of zone03/,
  ],
  [['join', 'zone05', '--yes'], 3, /Cannot change zone "zone05": it is destroying/],
  [['join', 'zone03', '--role', 'king', '--yes'], 2, /--role: "king" — expected one of worker, director/],
  [['join', 'zone03', '--role', 'border', '--yes'], 2, /--role: "border" — expected one of worker, director/],
  [['join', 'zone03', '--pool', '7', '--yes'], 2, /pool: 7 — expected one of 0 \(t3.medium\)/],
  [['join', 'zone03', '--pool', 'x', '--yes'], 2, /Expected a whole number/],
  [['join', 'zone03', '--count', '0', '--yes'], 2, /--count: 0 — expected a whole number from 1/],
  [
    ['join', 'zone03', '--machine', 'worker-1', '--yes'],
    3,
    /Cannot join worker-1 to zone "zone03": its slot is taken/,
  ],
  [
    ['join', 'zone03', '--machine', 'worker-999', '--yes'],
    2,
    /machine: "worker-999" — expected worker-<slot>/,
  ],
  [['join', 'zone03', '--machine', 'worker-5', '--count', '2'], 2, /--count: 2 — expected 1 with --machine/],
  [['join', 'zone03'], 2, /Cannot ask "Join worker-2 to zone03.prod.example.com\?" without a terminal/],
  [['list', 'zone09'], 2, /Cannot find zone "zone09"/],
  [['remove', 'zone09', 'worker-0', '--yes'], 2, /Cannot find zone "zone09"/],
  [
    ['remove', 'zone03', 'worker-7', '--yes'],
    2,
    /Cannot find node "worker-7" in zone "zone03"\n {2}expected: one of border-0, director-0, worker-0, worker-1/,
  ],
  [['remove', 'zone03', 'i-0fffffffffffffff0', '--yes'], 2, /Cannot find node "i-0fffffffffffffff0"/],
  [['remove', 'zone05', 'worker-0', '--yes'], 3, /Cannot change zone "zone05": it is destroying/],
  [['remove', 'zone04', 'worker-0', '--yes'], 3, /it is the last worker of "zone04"\n {2}expected: --last/],
  [['remove', 'zone03', 'border-0', '--yes'], 3, /it is the last border of "zone03"\n {2}expected: --last/],
  [['remove', 'zone03', 'worker-0', '--drain-deadline', 'soon'], 2, /Expected a duration/],
];
for (const [args, code, says] of REFUSED) {
  test(`node ${args.join(' ')} is refused with ${code}`, async (t) => {
    const result = await person(t)('node', ...args);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, says);
    assert.doesNotMatch(result.stderr, /127\.0\.0\.1:1/, 'Temporal was not asked');
    assert.equal(result.stdout, '');
  });
}

test('a plan of a join is made without Temporal, the same every time; several machines have a plan each', async (t) => {
  const run = person(t);
  const plan = async (...args: string[]) => {
    const { code, stdout, stderr } = await run('node', 'join', 'zone03', '--plan', '--json', ...args);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as {
      hash: string;
      machine: { name: string };
      plans: { machine: { name: string } }[];
    };
  };
  const [one, other] = [await plan(), await plan()];
  assert.match(one.hash, /^[0-9a-f]{64}$/);
  assert.deepEqual(one, other);
  assert.equal(one.machine.name, 'worker-2');
  assert.deepEqual(
    (await plan('--count', '2')).plans.map(({ machine }) => machine.name),
    ['worker-2', 'worker-3'],
  );
  assert.match(
    (await run('node', 'join', 'zone03', '--plan')).stdout,
    /^machines\/worker-2\/admission +node-admission /m,
  );
});

test('a node is found by its name, its instance and its node; without Temporal its removal cannot be planned', async (t) => {
  const run = person(t);
  for (const name of ['worker-1', `${INSTANCE}3`, `${INSTANCE}3.worker.zone.local`]) {
    const { code, stderr } = await run('node', 'remove', 'zone03', name, '--plan');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /Cannot reach Temporal/);
  }
});

test('node list names every machine; what EC2 does not know is gone', async (t) => {
  const { code, stdout, stderr } = await person(t)('node', 'list', 'zone03', '--json');
  assert.equal(code, 0, stderr);
  const { machines } = JSON.parse(stdout) as {
    machines: { machine: string; instanceId: string; state: string }[];
  };
  assert.deepEqual(
    machines.map(({ machine, instanceId, state }) => [machine, instanceId, state]),
    ['border-0', 'director-0', 'worker-0', 'worker-1'].map((name, at) => [name, `${INSTANCE}${at}`, 'gone']),
  );
});
