/** Joining machines to a zone: plan, show, confirm, join one after the other. */
import { InvalidInput } from '../../domain/errors.ts';
import { joinPlan, joinSteps, JOINING_ROLES } from '../../domain/zone/join.ts';
import type { JoinPlan, JoinRequest } from '../../domain/zone/join.ts';
import { aboutZone, partsOf } from '../../domain/zone/manifest.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';
import { EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { askerOf } from '../operations.ts';
import { operationRequest } from '../requests.ts';
import type { OperationRequest } from '../requests.ts';
import { findZone } from '../zones/find-zone.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import type { Session } from './connect.ts';
import { conclude, follow } from './follow.ts';
import type { Outcome } from './follow.ts';
import type { StartOptions } from './operation-options.ts';
import { table } from './output.ts';
import type { Output } from './output.ts';

export interface JoinOptions extends StartOptions {
  readonly role: string;
  readonly pool?: number;
  readonly machine?: string;
  readonly count: number;
  readonly plan?: boolean;
  readonly yes?: boolean;
}

/** What NodeJoin returns. */
interface Joined {
  readonly machine: string;
  readonly instanceId: string;
  readonly privateIp: string;
  readonly answered?: { readonly pod: string; readonly address: string };
}

export async function joinNodes(output: Output, zone: string, options: JoinOptions): Promise<ExitCode> {
  const request = requestOf(options);
  const manifest = await findZone(zone);
  const plans = plansOf(manifest, request, options.count);
  if (options.plan === true) {
    output.result(options.count === 1 ? plans[0] : { plans }, plans.map(planText).join('\n\n'));
    return EXIT.done;
  }
  output.progress(plans.map(planText).join('\n\n'));
  const names = plans.map(({ machine }) => machine.name).join(', ');
  await confirm(output, { question: `Join ${names} to ${manifest.domain}?`, yes: options.yes });
  return withTemporal((session) => joinAll(session, output, plans, request, options));
}

/** @throws {InvalidInput} before anything is looked up */
function requestOf({ role, pool, machine, count }: JoinOptions): JoinRequest {
  const known = JOINING_ROLES.find((one) => one === role);
  const issues = [];
  if (known === undefined)
    issues.push({ path: '--role', value: role, expected: `one of ${JOINING_ROLES.join(', ')}` });
  if (count < 1) issues.push({ path: '--count', value: count, expected: 'a whole number from 1' });
  if (machine !== undefined && count !== 1)
    issues.push({ path: '--count', value: count, expected: '1 with --machine, which names a single one' });
  if (known === undefined || issues.length > 0) throw new InvalidInput('the options', issues);
  return { role: known, machine, pool };
}

/** Each plan takes the next free slot; they do not need each other. */
function plansOf(manifest: ZoneManifest, request: JoinRequest, count: number): JoinPlan[] {
  let about = aboutZone(manifest);
  return Array.from({ length: count }, () => {
    const steps = joinSteps(about, request, nodeUserData);
    about = { ...about, machines: [...about.machines, steps.machine.name] };
    return joinPlan(steps, partsOf(manifest, { steps: steps.needs }));
  });
}

function planText({ machine, domain, imageId, steps, hash }: JoinPlan): string {
  const { name, instanceType, availabilityZone, privateIp, podCidr } = machine;
  const rows = steps.map(({ step, kind, summary }) => [step, kind, summary]);
  const pods = podCidr === undefined ? '' : `, pods ${podCidr}`;
  return [
    `${name} joins ${domain}: ${instanceType} in ${availabilityZone} at ${privateIp}${pods}, image ${imageId}, plan ${hash.slice(0, 12)}`,
    table(['step', 'kind', 'does'], rows),
  ].join('\n');
}

/** One after the other: the zone has one writer. Detached ones wait for each other by themselves. */
async function joinAll(
  session: Session,
  output: Output,
  plans: readonly JoinPlan[],
  request: JoinRequest,
  options: JoinOptions,
): Promise<ExitCode> {
  const outcomes: Outcome<Joined>[] = [];
  for (const plan of plans) {
    const outcome = await joinOne(session, plan, request, options);
    outcomes.push(outcome);
    if (outcome.state === 'failed') break;
  }
  const [first] = outcomes;
  if (first !== undefined && plans.length === 1) return conclude(output, first, options, joinedText);
  const codes = outcomes.map((outcome) =>
    conclude({ ...output, result: () => undefined }, outcome, options, joinedText),
  );
  const texts = outcomes.map((outcome) =>
    outcome.state === 'done' ? joinedText(outcome.result) : outcome.operation,
  );
  output.result({ joins: outcomes }, texts.join('\n'));
  return codes.find((code) => code !== EXIT.done) ?? EXIT.done;
}

/** One join, as it is started from anywhere. */
export const joinRequest = (
  plan: JoinPlan,
  { role, pool }: JoinRequest,
  bucket: string,
): OperationRequest => {
  const { zone, environment, domain, machine, hash } = plan;
  return operationRequest(
    {
      type: 'NodeJoin',
      id: `join-${zone}-${machine.name}`,
      whenRunning: 'FAIL',
      input: {
        ...{ zone, environment, bucket, role, machine: machine.name },
        ...(pool === undefined ? {} : { pool }),
        approvedPlan: hash,
      },
    },
    { question: `Join ${machine.name} to ${domain}?`, plan: planText(plan), hash },
  );
};

/** Plans the join of one machine. @throws {InvalidInput} @throws {ClientError} when there is no such zone */
export async function prepareJoin(
  zone: string,
  options: Pick<JoinOptions, 'role' | 'pool'>,
  bucket: string,
): Promise<OperationRequest> {
  const request = requestOf({ ...options, count: 1, reason: '' });
  const [plan] = plansOf(await findZone(zone), request, 1);
  if (plan === undefined) throw new Error('Cannot plan the join of a machine');
  return joinRequest(plan, request, bucket);
}

async function joinOne(
  { client, context }: Session,
  plan: JoinPlan,
  request: JoinRequest,
  options: JoinOptions,
): Promise<Outcome<Joined>> {
  const asker = askerOf(options);
  const handle = await joinRequest(plan, request, context.store.bucket).start(client, asker);
  return follow<Joined>(client, handle, options);
}

const joinedText = ({ machine, instanceId, privateIp, answered }: Joined): string =>
  `${machine} has joined: ${instanceId} at ${privateIp}${answered === undefined ? '' : `; pod ${answered.pod} on it answers at ${answered.address}`}`;
