/** `zonewright service roll`: one service from one version to another. */
import { eligibleWorkers, type ServicesGround } from '../../domain/services/ground.ts';
import { planRoll, rollText } from '../../domain/services/roll.ts';
import type { ServiceSpec } from '../../domain/services/spec.ts';
import type { RollResult } from '../../workflows/services/roll.ts';
import { loadContext } from '../contexts.ts';
import { ClientError, EXIT, type ExitCode } from '../errors.ts';
import { actor, startOperation } from '../operations.ts';
import { mustKnow, readGround } from '../services/ground.ts';
import { readServices, withImages } from '../services/read-services.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import { conclude, follow } from './follow.ts';
import type { Output } from './output.ts';
import type { RollVerbOptions } from './service.ts';
import { rollOptionsOf } from './service-options.ts';

export async function rollService(
  output: Output,
  name: string,
  service: string,
  options: RollVerbOptions,
): Promise<ExitCode> {
  const given = await specOfFile(service, options);
  const ground = await readGround(loadContext(), name);
  const recorded = mustKnow(ground.recorded, service, ground.zone);
  const spec = withImages(service, given ?? recorded.spec, options.image ?? []);
  const plan = planRoll({
    ...{ zone: ground.zone, service, spec, domain: ground.domain },
    running: recorded.generations,
    definedAs: recorded.definition,
    eligible: eligibleWorkers(ground, spec.scheduling_group),
    options: rollOptionsOf(options),
  });
  if (options.plan === true) {
    output.result({ plan, hash: plan.hash }, rollText(plan));
    return EXIT.done;
  }
  output.progress(rollText(plan));
  await confirm(output, { question: `Roll ${service} of ${ground.domain}?`, yes: options.yes });
  return start(output, ground, spec, plan.hash, { ...options, service });
}

/** The service as a file has it; absent without `--file`. What is wrong in the file is said before anything is asked. */
async function specOfFile(
  service: string,
  { file, image }: RollVerbOptions,
): Promise<ServiceSpec | undefined> {
  if (file !== undefined) return mustKnow(await readServices(file), service, `"${file}"`);
  if (image !== undefined) return undefined;
  throw new ClientError(EXIT.usage, `Cannot roll "${service}": nothing says to what`, {
    expectation: '--image or --file',
  });
}

async function start(
  output: Output,
  { zone, environment }: ServicesGround,
  spec: ServiceSpec,
  approvedPlan: string,
  options: RollVerbOptions & { readonly service: string },
): Promise<ExitCode> {
  const { service, reason, onFailure } = options;
  return withTemporal(async ({ client, context }) => {
    const handle = await startOperation(client, {
      type: 'RollingServiceUpdate',
      id: `roll-${zone}-${service}`,
      whenRunning: 'FAIL',
      input: {
        ...{ actor: actor(), reason, environment, onFailure, approvedPlan },
        ...{ zone, bucket: context.store.bucket, service, spec, options: rollOptionsOf(options) },
      },
    });
    const outcome = await follow<RollResult>(client, handle, options);
    return conclude(output, outcome, options, rolledText);
  });
}

const rolledText = ({ instances, stopped, cut }: RollResult): string =>
  `${instances} serve; ${stopped === '' ? 'nothing ran before' : `${stopped} stopped`}${cut.length > 0 ? `; connections were cut at ${cut.join(', ')}` : ''}`;
