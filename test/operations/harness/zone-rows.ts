/** Operations on a zone that is there: how to start each, and what brings the zone back to where it was. */
import { joinPlan, joinSteps, machineFolder } from '../../../domain/zone/join.ts';
import { instanceStep } from '../../../domain/zone/machine-steps.ts';
import { aboutZone, partsOf } from '../../../domain/zone/manifest.ts';
import { planRemove } from '../../../domain/zone/remove.ts';
import { nodeUserData } from '../../../machine/node-user-data.ts';
import { manifestOf, startOn, type ZoneStep } from './zone-start.ts';

export interface ZoneRow {
  readonly name: string;
  /** One after the other; the last leaves the zone as the first found it. */
  readonly steps: readonly ZoneStep[];
}

const WORKER = 'worker-2';

const joinWorker: ZoneStep = {
  type: 'NodeJoin',
  prepare: async (lab, zone, run) => {
    const { bucket } = lab.context.store;
    const manifest = await manifestOf(lab, zone);
    const request = { role: 'worker', machine: WORKER } as const;
    const steps = joinSteps(aboutZone(manifest), request, nodeUserData);
    const { hash } = joinPlan(steps, partsOf(manifest, { steps: steps.needs }));
    return startOn(manifest, run, 'join', { ...request, bucket, approvedPlan: hash });
  },
};

const removeWorker: ZoneStep = {
  type: 'NodeRemove',
  prepare: async (lab, zone, run) => {
    const { bucket } = lab.context.store;
    const manifest = await manifestOf(lab, zone);
    const parts = partsOf(manifest, { prefixes: [machineFolder(WORKER)] });
    const instanceId = parts.find(({ step }) => step === instanceStep(WORKER))?.ref.id ?? '';
    const request = { machine: WORKER, instanceId, force: false, last: false };
    const { hash } = planRemove(aboutZone(manifest), parts, request);
    return startOn(manifest, run, 'remove', { ...request, bucket, approvedPlan: hash });
  },
};

export const ZONE_ROWS: readonly ZoneRow[] = [
  { name: 'a worker joins and is removed', steps: [joinWorker, removeWorker] },
];
