/** What the harness disturbs: every operation, and how to start it. */
import { ListHostedZonesByNameCommand } from '@aws-sdk/client-route-53';
import { join } from 'node:path';
import { withAws } from '../../../clients/aws.ts';
import { listImages, removeImage } from '../../../clients/images/catalog.ts';
import { readManifest } from '../../../clients/zones/manifests.ts';
import { readZoneSpec } from '../../../clients/zones/read-spec.ts';
import type { OperationType } from '../../../domain/operations.ts';
import { destroyHash } from '../../../domain/zone/destroy.ts';
import { planZone, zoneFactsSchema } from '../../../domain/zone/plan.ts';
import { zoneName, type ZoneSpec } from '../../../domain/zone/spec.ts';
import { nodeUserData } from '../../../machine/node-user-data.ts';
import type { Laboratory } from './laboratory.ts';
import { smallBake, zoneImage } from './recipes.ts';
import type { Start } from './run.ts';

/** Makes ready what an operation needs and says how to start it; `run` is unlike that of every other run. */
export type Prepare = (lab: Laboratory, run: string) => Promise<Start>;

/**
 * Operations in phases: those of one phase run side by side. They lead from an empty account to one that holds but
 * images and records. Operations on a zone that is there are rows of `zone-rows.ts`.
 */
export const SCENARIO: readonly (readonly Prepare[])[] = [
  [(lab, run) => createZone(lab, run), smallBake],
  [destroyZone],
];

/** What of it are operations that make or take away what they are about; those on a zone are `ZONE_ROWS`. */
export const SCENARIO_TYPES = ['CreateZone', 'BakeAmi', 'DestroyZone'] as const satisfies OperationType[];

/** Takes away what the scenario leaves. */
export const clearImages = ({ context }: Laboratory): Promise<void> =>
  withAws(context, async (aws) => {
    const small = (await listImages(aws)).filter(({ recipe }) => recipe === 'small');
    for (const image of small) await removeImage(aws, image);
  });

const ZONE_FILE = join(import.meta.dirname, '../../../examples/zone.yaml');

export const createZone: Prepare = (lab, run) => creation(lab, run, {});

/** A zone beside that of the example. */
export const createOtherZone: Prepare = (lab, run) => creation(lab, run, { zone: 9 });

async function creation(lab: Laboratory, run: string, other: Partial<ZoneSpec>): Promise<Start> {
  const { context, state } = lab;
  const { temporal, environment, store } = context;
  const [read, imageId] = await Promise.all([readZoneSpec(ZONE_FILE), zoneImage(lab)]);
  const spec = { ...read.spec, ...other };
  const parents = await withAws(context, ({ route53 }) =>
    route53.send(new ListHostedZonesByNameCommand({ DNSName: environment.domain })),
  );
  const facts = zoneFactsSchema.parse({
    accountId: state.accountId,
    bucket: store.bucket,
    imageId,
    environmentHostedZoneId: parents.HostedZones?.[0]?.Id?.replace('/hostedzone/', ''),
    temporal: { address: temporal.fromMachines ?? temporal.address, namespace: temporal.namespace },
  });
  const plan = planZone(spec, facts, nodeUserData);
  return {
    type: 'CreateZone',
    workflowId: `harness-create-${run}`,
    own: [plan.zone, plan.hash.slice(0, 8), run],
    input: {
      ...{ actor: 'harness', onFailure: 'roll-back', approvedPlan: plan.hash },
      ...{ environment: plan.environment, zone: plan.zone, spec, facts },
    },
  };
}

export async function destroyZone(lab: Laboratory, run: string): Promise<Start> {
  const { spec } = await readZoneSpec(ZONE_FILE);
  return destruction(lab, zoneName(spec.zone), run);
}

/** @param zone name of any zone that has a manifest */
export async function destruction({ context }: Laboratory, zone: string, run: string): Promise<Start> {
  const { bucket } = context.store;
  const manifest = await withAws(context, (aws) => readManifest(aws, bucket, zone));
  if (manifest === undefined) throw new Error(`Cannot destroy zone "${zone}": it has no manifest`);
  return {
    type: 'DestroyZone',
    workflowId: `harness-destroy-${run}`,
    own: [zone, run],
    input: {
      ...{ actor: 'harness', onFailure: 'roll-back', approvedPlan: destroyHash(manifest) },
      ...{ environment: manifest.environment, zone, bucket },
    },
  };
}
