/** One zone for all tests of this folder, each of which leaves it as it found it: a border, a director, two workers. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { isAlive } from '../../sandbox/processes.ts';
import { readState } from '../../sandbox/state.ts';
import { machinesOf, type Machine } from '../system/machines.ts';
import { good, json } from '../system/person.ts';

export const ZONE_FILE = join(import.meta.dirname, 'zone.yaml');
export const ZONE = 'zone05';
export const DOMAIN = `${ZONE}.dev.zonewright.test`;

/** Brings sandbox and zone up where they are not; returns the zone's running machines by their names. */
export async function sharedZone(): Promise<Map<string, Machine>> {
  // Tests of the harness end the sandbox's own worker.
  const served = readState()?.processes.some((one) => one.name === 'workers' && isAlive(one));
  if (served !== true) await good('sandbox', 'up');
  const { zones } = await json<{ zones: { zone: string; state: string }[] }>('zone', 'list');
  if (!zones.some(({ zone, state }) => zone === ZONE && state === 'active'))
    await good('zone', 'create', ZONE_FILE, '--yes');
  const machines = await machinesOf(ZONE);
  for (const name of ['border-0', 'director-0', 'worker-0', 'worker-1'])
    assert.ok(machines.has(name), `machine ${name} of ${ZONE} runs`);
  return machines;
}
