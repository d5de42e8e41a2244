/**
 * Rolls on real machines under a load through the border's Elastic IP, half of it over connections that are kept. The
 * service answers in 100 ms and dies at once when it is told to end; nothing is asked twice. No request may fail.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { loadContext } from '../../clients/contexts.ts';
import { connectTemporal } from '../../clients/temporal.ts';
import { endProcesses } from '../../sandbox/processes.ts';
import { startLoad, type Load } from '../../sandbox/load/load.ts';
import { isGate, sampled } from '../operations/harness/kills.ts';
import { kubectl, type Machine } from '../system/machines.ts';
import { good, json, root, run, sandbox, until, type Step } from '../system/person.ts';
import { DOMAIN, sharedZone, ZONE } from './shared-zone.ts';

const ROLL = `roll-${ZONE}-web`;
/** Requests each second, over connections that are kept and over new ones. */
const RATE = 110;
const MAX_EVENTS = 2_000;

const folder = mkdtempSync(join(tmpdir(), 'zonewright-services-'));
const example = readFileSync(join(root, 'examples/services.yml'), 'utf8');
const fileOf = (name: string, change: (text: string) => string): string => {
  const path = join(folder, `${name}.yml`);
  writeFileSync(path, change(example));
  return path;
};
const versionFile = (version: string) => fileOf(version, (text) => text.replace('web v1', `web ${version}`));

const services = () =>
  json<{ services: { service: string; instances: string; version: string }[] }>(
    'service',
    'list',
    '--zone',
    ZONE,
  );
const roll = (file: string, ...more: string[]) =>
  run('service', 'roll', ZONE, 'web', '--file', file, '--yes', '--soak', '2s', ...more);
const follow = () => run('op', 'show', ROLL, '--follow', '--json');
const untilRuns = (step: string) =>
  until(`"${step}" to run`, 120, async () => {
    const { steps } = await json<{ steps: Step[] }>('op', 'show', ROLL);
    return steps.some((one) => one.step.startsWith(step) && one.state === 'running');
  });

/** What happens to a roll; each leaves five instances that serve. */
const VARIANTS: Readonly<Record<string, () => Promise<void>>> = {
  'the worker process is killed while it withdraws': async () => {
    assert.equal((await roll(versionFile('v3'), '--detach')).code, 0);
    await untilRuns('withdraw');
    await endProcesses(
      sandbox().processes.filter(({ name }) => name === 'workers'),
      0,
    );
    await good('sandbox', 'up');
    assert.match((await follow()).stdout, /"state": "done"/);
  },
  'a version that never gets well is taken back': async () => {
    const ill = fileOf('ill', (text) => text.replace('response.end(body)', 'response.writeHead(503).end()'));
    const { code, stderr } = await roll(ill, '--give-up', '8s', '--on-failure', 'roll-back');
    assert.equal(code, 1, stderr);
    assert.match(stderr, /waiting for 5 of 5 instances to run.*everything was undone/);
  },
  'an image that nobody has is named, and taken back': async () => {
    const { code, stderr } = await roll(
      versionFile('v1'),
      '--image',
      'zonewright.dev/nowhere:1',
      '--on-failure',
      'roll-back',
    );
    assert.equal(code, 1, stderr);
    assert.match(stderr, /web@\d+ cannot run: (ErrImagePull|ImagePullBackOff)/);
  },
  'it is aborted while it withdraws': () => aborted('withdraw', versionFile('v4')),
  'it is aborted while it stops old ones': () => aborted('stop', versionFile('v5')),
  'it is aborted once old ones have stopped': () => aborted('watch', versionFile('v6')),
};

async function aborted(step: string, file: string): Promise<void> {
  const before = (await services()).services[0]?.instances;
  assert.equal((await roll(file, '--soak', '30s', '--detach')).code, 0);
  await untilRuns(step);
  await good('op', 'abort', ROLL, '--reason', 'for a test', '--yes');
  assert.match((await follow()).stdout, /Aborted/);
  assert.equal((await services()).services[0]?.instances, before);
}

suite('rolls under load', { timeout: 1_200_000 }, () => {
  let border: Machine;
  const loads: Load[] = [];
  before(async () => {
    border = (await sharedZone()).get('border-0')!;
  });
  after(async () => {
    await Promise.all(loads.map((load) => load.stop()));
    const nothing = fileOf('nothing', () => '{}\n');
    await good('service', 'apply', nothing, '--zone', ZONE, '--prune', '--yes');
    const left = await kubectl(
      border,
      'get',
      'statefulsets,pods,pdb',
      '-l',
      'zonewright.dev/service=web',
      '-o',
      'name',
    );
    rmSync(folder, { recursive: true, force: true });
    assert.equal(left.trim(), '');
  });

  test('services.yml starts five instances that answer through the border', async () => {
    await good('service', 'apply', versionFile('v1'), '--zone', ZONE, '--yes', '--soak', '2s');
    const answer = await fetch(`http://${border.publicIp}/web`, { headers: { host: 'any.example.com' } });
    assert.match(await answer.text(), /^web v1 web-g\d+-\d+$/m);
    const again = await good('service', 'apply', versionFile('v1'), '--zone', ZONE, '--yes');
    assert.match(again.stdout, /as they are: web/);
    for (const keepAlive of [true, false])
      loads.push(
        startLoad({ url: `http://${border.publicIp}/`, host: `web.${DOMAIN}`, rate: RATE, keepAlive }),
      );
  });

  test('what cannot be rolled is refused before anything changes', async () => {
    const before = await services();
    for (const [args, code, message] of [
      [['web', '--file', versionFile('v1')], 3, /5 instances of version .* run already/],
      [['wbe', '--image', 'a:1'], 2, /Cannot find service "wbe"[^]*did you mean "web"\?/],
      [['web', '--image', 'Nope:1'], 2, /--image: "Nope:1" — expected the name of a container image/],
      [
        ['web', '--file', fileOf('none', (text) => text.replace('num_instances: 5', 'num_instances: 0'))],
        2,
        /num_instances: 0 — expected "all" or/,
      ],
    ] as const) {
      const refused = await run('service', 'roll', ZONE, ...args, '--yes');
      assert.equal(refused.code, code, refused.stderr);
      assert.match(refused.stderr, message);
    }
    assert.deepEqual(await services(), before);
  });

  test('v1 → v2: five new ones, numbered on', async () => {
    await good('service', 'roll', ZONE, 'web', '--file', versionFile('v2'), '--yes', '--soak', '2s');
    const client = await connectTemporal(loadContext('sandbox'));
    const { historyLength } = await client.workflow.getHandle(ROLL).describe();
    await client.connection.close();
    assert.ok(historyLength < MAX_EVENTS, `${historyLength} events`);
  });

  const names = Object.keys(VARIANTS);
  const chosen = isGate ? names : names.filter((name) => name === sampled('service roll', names));
  for (const name of chosen) test(name, VARIANTS[name]);

  test('no request failed, all the while', async (t) => {
    const reports = await Promise.all(loads.splice(0).map((load) => load.stop()));
    assert.equal(reports.length, 2);
    for (const report of reports) {
      t.diagnostic(JSON.stringify(report));
      assert.deepEqual([report.failed, report.errors], [0, {}]);
      assert.ok(report.sent / report.seconds > RATE * 0.9, `${report.sent} requests in ${report.seconds} s`);
      assert.ok(Object.keys(report.answers).some((body) => body.startsWith('web v2')));
    }
  });
});
