/** Planning and creating a zone from a file: find out, bake where needed, show, confirm, create. */
import { printPlan } from '../../domain/zone/print-plan.ts';
import type { ZonePlan } from '../../domain/zone/plan.ts';
import { zoneName } from '../../domain/zone/spec.ts';
import { withAws } from '../aws.ts';
import { loadContext } from '../contexts.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { askerOf, startOperation } from '../operations.ts';
import { readManifest } from '../zones/manifests.ts';
import { planOf, prepareZone } from '../zones/prepare.ts';
import type { PreparedZone } from '../zones/prepare.ts';
import { readZoneSpec } from '../zones/read-spec.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import type { Session } from './connect.ts';
import { conclude, follow } from './follow.ts';
import type { Outcome } from './follow.ts';
import { runBake } from './image-bake.ts';
import type { StartOptions } from './operation-options.ts';
import type { Output } from './output.ts';
import { toolResolver } from './tools.ts';

export interface CreateOptions extends StartOptions {
  readonly yes?: boolean;
}

/** What CreateZone returns; its last word is what a pod of the zone answered. */
export interface CreatedZone {
  readonly zone: string;
  readonly domain: string;
  readonly borders: readonly string[];
  readonly answered: { readonly pod: string; readonly node: string; readonly address: string };
}

async function prepare(output: Output, file: string): Promise<PreparedZone> {
  const context = loadContext();
  return withAws(context, (aws) =>
    prepareZone(context, aws, file, {
      resolveTool: toolResolver(output),
      onProgress: (what) => output.progress(what),
    }),
  );
}

/** An id that no image has: stands in the plan for the image that is still to be baked. */
const UNBAKED = 'ami-00000000';

export async function printZonePlan(output: Output, file: string): Promise<ExitCode> {
  const prepared = await prepare(output, file);
  const { imageId, bake } = prepared;
  const plan = planOf(prepared, imageId ?? UNBAKED);
  if (imageId !== undefined) output.result({ plan, hash: plan.hash, bake: null }, printPlan(plan));
  else {
    const text = printPlan(plan).replaceAll(UNBAKED, `to be baked first (${bake?.workflowId ?? ''})`);
    const known = text.replace(
      `, plan ${plan.hash.slice(0, 12)}`,
      '; the plan can be approved once the image is baked',
    );
    output.result(
      { plan: { ...plan, imageId: null, hash: null }, hash: null, bake: bake?.workflowId ?? null },
      known,
    );
  }
  return EXIT.done;
}

/** Shows the plan, lets it be approved, and creates the zone. */
export async function createZone(output: Output, file: string, options: CreateOptions): Promise<ExitCode> {
  // What is wrong in the file is said first, whoever can be reached.
  await readZoneSpec(file);
  return withTemporal(async (session) => {
    const outcome = await runCreateZone(session, output, file, options);
    return conclude(output, outcome, options, createdText);
  });
}

export const createdText = ({ domain, borders, answered }: CreatedZone): string =>
  `${domain} is up: pod ${answered.pod} on ${answered.node} answers at ${answered.address}; borders ${borders.join(', ')}`;

/** The same for a caller that has a session and goes on with the outcome. */
export async function runCreateZone(
  session: Session,
  output: Output,
  file: string,
  options: CreateOptions,
): Promise<Outcome<CreatedZone>> {
  const prepared = await prepare(output, file);
  await refuseExisting(prepared);
  if (prepared.imageId === undefined) {
    const question = `Bake the image of this zone first (${prepared.bake?.workflowId ?? ''})?`;
    await confirm(output, { question, yes: options.yes });
  }
  const imageId = prepared.imageId ?? (await bakeFirst(session, output, prepared, options));
  if (typeof imageId !== 'string') return imageId;
  const plan = planOf(prepared, imageId);
  output.progress(printPlan(plan));
  await confirm(output, { question: `Create zone ${plan.domain}?`, yes: options.yes });
  return start(session, prepared, plan, options);
}

/** What is there is not created again: refused before anything is baked or asked. */
async function refuseExisting({ spec, facts }: PreparedZone): Promise<void> {
  const zone = zoneName(spec.zone);
  const there = await withAws(loadContext(), (aws) => readManifest(aws, facts.bucket, zone));
  if (there === undefined || there.state === 'destroyed') return;
  const by = there.operation === undefined ? '' : ` by operation "${there.operation}"`;
  throw new ClientError(EXIT.refused, `Cannot create zone "${there.domain}": it is ${there.state}${by}`, {
    expectation: `a zone that does not exist; look at this one with "zonewright zone show ${zone}"`,
  });
}

/** The id of the baked image; or the outcome of a bake that has none to give. */
async function bakeFirst(
  session: Session,
  output: Output,
  { bake }: PreparedZone,
  options: CreateOptions,
): Promise<string | Exclude<Outcome<CreatedZone>, { state: 'done' }>> {
  if (bake === undefined) throw new Error('Cannot bake: the zone has neither an image nor a recipe');
  output.progress(`baking ${bake.input.content.recipe.name} (${bake.workflowId})`);
  // The zone needs the image: a detached creation is detached once it has begun.
  const outcome = await runBake(session, output, bake, { ...options, detach: false });
  return outcome.state === 'done' ? outcome.result.imageId : outcome;
}

async function start(
  { client }: Session,
  { spec, facts }: PreparedZone,
  plan: ZonePlan,
  options: CreateOptions,
): Promise<Outcome<CreatedZone>> {
  const handle = await startOperation(client, {
    type: 'CreateZone',
    id: `create-${plan.zone}`,
    whenRunning: 'FAIL',
    input: {
      ...askerOf(options),
      environment: plan.environment,
      zone: plan.zone,
      approvedPlan: plan.hash,
      spec,
      facts: { ...facts, imageId: plan.imageId },
    },
  });
  return follow<CreatedZone>(client, handle, options);
}
