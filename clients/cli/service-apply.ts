/** Planning and applying `services.yml`. */
import type { ApplyServicesResult } from '../../workflows/apply-services.ts';
import { applyText, changesAnything, planApply, type ApplyPlan } from '../../domain/services/apply.ts';
import type { ServicesGround } from '../../domain/services/ground.ts';
import type { ServicesSpec } from '../../domain/services/spec.ts';
import { loadContext } from '../contexts.ts';
import { EXIT, type ExitCode } from '../errors.ts';
import { askerOf, startOperation } from '../operations.ts';
import { readGround } from '../services/ground.ts';
import { readServices } from '../services/read-services.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import { conclude, follow } from './follow.ts';
import type { Output } from './output.ts';
import type { ApplyOptions } from './service.ts';
import { rollOptionsOf } from './service-options.ts';

interface Prepared {
  readonly services: ServicesSpec;
  readonly ground: ServicesGround;
  readonly plan: ApplyPlan;
  readonly text: string;
}

async function prepare(file: string, options: ApplyOptions): Promise<Prepared> {
  // What is wrong in the file is said first, whoever can be reached.
  const services = await readServices(file);
  const ground = await readGround(loadContext(), options.zone);
  const plan = planApply({
    ...{ ground, services, running: ground.recorded },
    options: rollOptionsOf(options),
    prune: options.prune === true,
  });
  return { services, ground, plan, text: applyText(plan, services, ground) };
}

export async function printServicePlan(
  output: Output,
  file: string,
  options: ApplyOptions,
): Promise<ExitCode> {
  const { plan, text } = await prepare(file, options);
  output.result({ plan, hash: plan.hash }, text);
  return EXIT.done;
}

export async function applyServices(output: Output, file: string, options: ApplyOptions): Promise<ExitCode> {
  const { services, ground, plan, text } = await prepare(file, options);
  const { zone, environment } = ground;
  if (!changesAnything(plan)) {
    output.result({ operation: null, state: 'done', result: { zone, unchanged: plan.unchanged } }, text);
    return EXIT.done;
  }
  output.progress(text);
  await confirm(output, { question: `Change services of ${ground.domain}?`, yes: options.yes });
  return withTemporal(async ({ client, context }) => {
    const handle = await startOperation(client, {
      type: 'ApplyServices',
      id: `services-${zone}`,
      whenRunning: 'FAIL',
      input: {
        ...{ ...askerOf(options), environment, onFailure: options.onFailure },
        ...{ zone, bucket: context.store.bucket, services, prune: options.prune === true },
        ...{ options: rollOptionsOf(options), approvedPlan: plan.hash },
      },
    });
    const outcome = await follow<ApplyServicesResult>(client, handle, options);
    return conclude(output, outcome, options, appliedText);
  });
}

const appliedText = ({ rolled, adjusted, unchanged, removed, left }: ApplyServicesResult): string =>
  [
    ...rolled.map(
      ({ instances, stopped }) => `${instances} serve${stopped === '' ? '' : `; ${stopped} stopped`}`,
    ),
    ...adjusted.map((service) => `${service} is reached as the file says`),
    ...removed.map((service) => `${service} is gone`),
    ...(unchanged.length > 0 ? [`as they were: ${unchanged.join(', ')}`] : []),
    ...left.map((service) => `${service} runs, and the file does not name it; --prune stops it`),
  ].join('\n');
