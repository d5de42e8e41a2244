/** Operations on a zone that is there: how to start each, and what brings the zone back to where it was. */
import { withAws } from '../../../clients/aws.ts';
import { listBackups } from '../../../clients/etcd/backups.ts';
import type { Backup } from '../../../domain/etcd/catalogue.ts';
import { joinPlan, joinSteps, machineFolder, type JoiningRole } from '../../../domain/zone/join.ts';
import { instanceStep } from '../../../domain/zone/machine-steps.ts';
import { aboutZone, partsOf, refsOf } from '../../../domain/zone/manifest.ts';
import { planRemove } from '../../../domain/zone/remove.ts';
import { planRestore } from '../../../domain/zone/restore.ts';
import { nodeUserData } from '../../../machine/node-user-data.ts';
import type { Laboratory } from './laboratory.ts';
import { applyService, removeService, rollService } from './service-steps.ts';
import { manifestOf, startOn, type ZoneStep } from './zone-start.ts';

export interface ZoneRow {
  readonly name: string;
  /** One after the other; the last leaves the zone as the first found it. */
  readonly steps: readonly ZoneStep[];
  /** Takes long, and little of it is not in another row. */
  readonly onlyInGate?: true;
}

const join = (role: JoiningRole, machine: string): ZoneStep => ({
  type: 'NodeJoin',
  prepare: async (lab, zone, run) => {
    const { bucket } = lab.context.store;
    const manifest = await manifestOf(lab, zone);
    const request = { role, machine };
    const steps = joinSteps(aboutZone(manifest), request, nodeUserData);
    const { hash } = joinPlan(steps, partsOf(manifest, { steps: steps.needs }));
    return startOn(manifest, run, 'join', { ...request, bucket, approvedPlan: hash });
  },
});

const remove = (machine: string): ZoneStep => ({
  type: 'NodeRemove',
  prepare: async (lab, zone, run) => {
    const { bucket } = lab.context.store;
    const manifest = await manifestOf(lab, zone);
    const parts = partsOf(manifest, { prefixes: [machineFolder(machine)] });
    const instanceId = refsOf(parts).get(instanceStep(machine))?.id;
    const request = { machine, instanceId, force: false, last: false };
    const { hash } = planRemove(aboutZone(manifest), parts, request);
    return startOn(manifest, run, 'remove', { ...request, bucket, approvedPlan: hash });
  },
});

const backUp: ZoneStep = {
  type: 'EtcdBackupRestore',
  prepare: async (lab, zone, run) => {
    const { bucket } = lab.context.store;
    // All of them stay, so that what one run finds there is no matter to the next.
    const input = { bucket, retention: { last: 1_000 } };
    return { ...startOn(await manifestOf(lab, zone), run, 'backup', input), counts: ['verdict', 'removed'] };
  },
};

const proveBackup: ZoneStep = {
  type: 'ProveBackup',
  prepare: async (lab, zone, run) => {
    const { bucket } = lab.context.store;
    const { backup } = await latestProven(lab, zone);
    const counts = ['verdict', 'checks', 'outcome'];
    return { ...startOn(await manifestOf(lab, zone), run, 'prove', { bucket, backup }), counts };
  },
};

const restore = (verb: string): ZoneStep => ({
  type: 'EtcdRestore',
  prepare: async (lab, zone, run) => {
    const { bucket } = lab.context.store;
    const manifest = await manifestOf(lab, zone);
    const about = aboutZone(manifest);
    const backup = await latestProven(lab, zone);
    const instances = partsOf(manifest, { steps: about.machines.map(instanceStep) });
    const { hash } = planRestore(about, backup, instances, nodeUserData);
    const start = startOn(manifest, run, verb, { bucket, backup: backup.backup, approvedPlan: hash });
    return { ...start, counts: ['zone', 'director', 'machine'] };
  },
});

export const ZONE_ROWS: readonly ZoneRow[] = [
  { name: 'a worker joins and is removed', steps: [join('worker', 'worker-2'), remove('worker-2')] },
  { name: 'etcd is backed up, the backup proven again', steps: [backUp, proveBackup] },
  { name: 'a service comes, is rolled and goes', steps: [applyService, rollService, removeService] },
  {
    name: 'a director joins and is removed',
    steps: [join('director', 'director-1'), remove('director-1')],
    onlyInGate: true,
  },
  {
    // The second one leads back to the slot of the first director.
    name: 'etcd is brought back on another director, and again',
    steps: [backUp, restore('restore'), restore('restore-again')],
    onlyInGate: true,
  },
];

async function latestProven({ context }: Laboratory, zone: string): Promise<Backup> {
  const backups = await withAws(context, (aws) => listBackups(aws, context.store.bucket, zone));
  const latest = backups.find(({ state }) => state === 'proven');
  if (latest === undefined) throw new Error(`Cannot use a backup of zone "${zone}": none is proven`);
  return latest;
}
