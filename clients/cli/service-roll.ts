/** `zonewright service roll`: one service from one version to another. */
import { eligibleWorkers, type ServicesGround } from '../../domain/services/ground.ts';
import { planRoll, rollText, type RollOptions, type RollPlan } from '../../domain/services/roll.ts';
import type { ServiceSpec } from '../../domain/services/spec.ts';
import type { RollResult } from '../../workflows/services/roll.ts';
import { loadContext, type ZonewrightContext } from '../contexts.ts';
import { ClientError, EXIT, type ExitCode } from '../errors.ts';
import { askerOf } from '../operations.ts';
import { operationRequest, type OperationRequest } from '../requests.ts';
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
  const roll = planned(ground, service, given, options);
  const { plan } = roll;
  if (options.plan === true) {
    output.result({ plan, hash: plan.hash }, rollText(plan));
    return EXIT.done;
  }
  output.progress(rollText(plan));
  await confirm(output, { question: `Roll ${service} of ${ground.domain}?`, yes: options.yes });
  return start(output, ground, roll, options);
}

interface Roll {
  readonly service: string;
  readonly spec: ServiceSpec;
  readonly options: RollOptions;
  readonly onFailure: RollVerbOptions['onFailure'];
  readonly plan: RollPlan;
}

/** From what runs, as the zone's record has it, to what is given or the same with other images. */
function planned(
  ground: ServicesGround,
  service: string,
  given: ServiceSpec | undefined,
  verb: RollVerbOptions,
): Roll {
  const recorded = mustKnow(ground.recorded, service, ground.zone);
  const spec = withImages(service, given ?? recorded.spec, verb.image ?? []);
  const options = rollOptionsOf(verb);
  const plan = planRoll({
    ...{ zone: ground.zone, service, spec, domain: ground.domain },
    running: recorded.generations,
    definedAs: recorded.definition,
    eligible: eligibleWorkers(ground, spec.scheduling_group),
    options,
  });
  return { service, spec, options, onFailure: verb.onFailure, plan };
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

/** A roll, as it is started from anywhere. */
const rollRequest = (
  { zone, environment, domain }: ServicesGround,
  { service, spec, options, onFailure, plan }: Roll,
  bucket: string,
): OperationRequest =>
  operationRequest(
    {
      type: 'RollingServiceUpdate',
      id: `roll-${zone}-${service}`,
      whenRunning: 'FAIL',
      input: {
        ...{ environment, onFailure, approvedPlan: plan.hash },
        ...{ zone, bucket, service, spec, options },
      },
    },
    { question: `Roll ${service} of ${domain}?`, plan: rollText(plan), hash: plan.hash },
  );

/** Plans a roll to other images. @throws {ClientError} when the zone has no such service */
export async function prepareRoll(
  context: ZonewrightContext,
  name: string,
  service: string,
  image: readonly string[],
): Promise<OperationRequest> {
  const ground = await readGround(context, name);
  const roll = planned(ground, service, undefined, { image, onFailure: 'ask', reason: '' });
  return rollRequest(ground, roll, context.store.bucket);
}

async function start(
  output: Output,
  ground: ServicesGround,
  roll: Roll,
  options: RollVerbOptions,
): Promise<ExitCode> {
  return withTemporal(async ({ client, context }) => {
    const asker = askerOf(options);
    const handle = await rollRequest(ground, roll, context.store.bucket).start(client, asker);
    const outcome = await follow<RollResult>(client, handle, options);
    return conclude(output, outcome, options, rolledText);
  });
}

const rolledText = ({ instances, stopped, cut }: RollResult): string =>
  `${instances} serve; ${stopped === '' ? 'nothing ran before' : `${stopped} stopped`}${cut.length > 0 ? `; connections were cut at ${cut.join(', ')}` : ''}`;
