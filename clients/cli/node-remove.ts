/** Removing a node: what it carries and what would block first, then confirm, drain, remove. */
import { aboutZone, partsOf } from '../../domain/zone/manifest.ts';
import { machineFolder } from '../../domain/zone/join.ts';
import { planRemove } from '../../domain/zone/remove.ts';
import type { RemovePlan } from '../../domain/zone/remove.ts';
import type { NodeLoad } from '../../domain/zone/drain.ts';
import { withAws } from '../aws.ts';
import { loadContext } from '../contexts.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { askerOf } from '../operations.ts';
import { operationRequest } from '../requests.ts';
import type { OperationRequest } from '../requests.ts';
import { findZone } from '../zones/find-zone.ts';
import { findMachine, machinesOf, machineStates } from '../zones/machines.ts';
import type { MachineState } from '../zones/machines.ts';
import { lookAtNode } from '../zones/look.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import type { Session } from './connect.ts';
import { conclude, follow } from './follow.ts';
import type { StartOptions } from './operation-options.ts';
import type { Output } from './output.ts';

export interface RemoveOptions extends StartOptions {
  readonly force?: boolean;
  readonly last?: boolean;
  readonly drainDeadline?: number;
  readonly plan?: boolean;
  readonly yes?: boolean;
}

interface Removed {
  readonly machine: string;
  readonly instanceId: string;
  readonly removed: number;
  readonly evicted: number;
}

export async function removeNode(
  output: Output,
  zone: string,
  name: string,
  options: RemoveOptions,
): Promise<ExitCode> {
  const found = await planned(zone, name, options);
  return withTemporal(async (session) => {
    const { plan, state, load, text } = await described(session, found);
    if (options.plan === true) {
      output.result({ ...plan, state: state.state, load: load ?? null }, text);
      return EXIT.done;
    }
    output.progress(text);
    await confirm(output, { question: `Remove ${plan.machine} from ${plan.domain}?`, yes: options.yes });
    return start(session, output, plan, options);
  });
}

/** Refuses before anything is started what the operation would refuse. */
async function planned(
  zone: string,
  name: string,
  { force = false, last = false }: RemoveOptions,
): Promise<{ plan: RemovePlan; state: MachineState }> {
  const manifest = await findZone(zone);
  const { machine, role, instanceId } = findMachine(manifest, name);
  const ofRole = machinesOf(manifest).filter((other) => other.role === role);
  if (ofRole.length === 1 && !last) {
    throw new ClientError(
      EXIT.refused,
      `Cannot remove ${machine}: it is the last ${role} of "${manifest.zone}"`,
      {
        expectation: '--last, which says that you mean it',
      },
    );
  }
  const parts = partsOf(manifest, { prefixes: [machineFolder(machine)] });
  const plan = planRemove(aboutZone(manifest), parts, { machine, instanceId, force, last });
  const [state] = await withAws(loadContext(), (aws) =>
    machineStates(
      aws,
      ofRole.filter((one) => one.machine === machine),
    ),
  );
  if (state === undefined) throw new Error(`Cannot look at ${machine}`);
  return { plan, state };
}

/** The same with what the node carries, asked from inside the zone. */
async function described(
  { client }: Session,
  { plan, state }: { readonly plan: RemovePlan; readonly state: MachineState },
) {
  const load = plan.node === undefined ? undefined : await lookAtNode(client, plan);
  return { plan, state, load, text: planText(plan, state, load) };
}

/** Budgets that will block come first. */
function planText(plan: RemovePlan, { state }: MachineState, load: NodeLoad | undefined): string {
  const { machine, domain, instanceId, node, parts, hash, force } = plan;
  const list = (title: string, items: readonly string[]) =>
    items.length === 0 ? [] : [title, ...items.map((item) => `  ${item}`)];
  const blocked = (load?.blocked ?? []).map(
    ({ pod, budget, because }) => `${pod}: budget ${budget}, ${because}`,
  );
  const unknown = node !== undefined && load === undefined;
  return [
    ...list('will block until there are more healthy pods elsewhere:', blocked),
    `${machine} leaves ${domain}: ${instanceId === '' ? 'begun, no instance is known' : `${instanceId} (${state})`}, plan ${hash.slice(0, 12)}`,
    ...(unknown ? ["its pods are unknown: the zone's worker does not answer"] : []),
    ...list('pods that are evicted:', load?.evict ?? []),
    ...list(`nobody makes anew${force ? '' : ' (asked about, or deleted with --force)'}:`, load?.lost ?? []),
    ...list('pods that stay until the machine goes:', load?.stay ?? []),
    ...list(
      'parts of the zone that go:',
      parts.map(({ step, id }) => `${step}  ${id}`),
    ),
  ].join('\n');
}

/** A removal, as it is started from anywhere. */
function removeRequest(
  plan: RemovePlan,
  bucket: string,
  text: string,
  drainDeadlineMs?: number,
): OperationRequest {
  const { zone, environment, domain, machine, instanceId, force, last, hash } = plan;
  return operationRequest(
    {
      type: 'NodeRemove',
      id: `remove-${zone}-${machine}`,
      whenRunning: 'FAIL',
      input: {
        ...{ zone, environment, bucket, machine, force, last },
        ...(instanceId === '' ? {} : { instanceId }),
        ...(drainDeadlineMs === undefined ? {} : { drainDeadlineMs }),
        approvedPlan: hash,
      },
    },
    { question: `Remove ${machine} from ${domain}?`, plan: text, hash },
  );
}

/** Plans a removal, budgets that will block first. @throws {ClientError} where the operation would be refused */
export async function prepareRemove(
  session: Session,
  zone: string,
  name: string,
  options: Pick<RemoveOptions, 'force' | 'last'>,
): Promise<OperationRequest> {
  const found = await planned(zone, name, { ...options, reason: '' });
  const { plan, text } = await described(session, found);
  return removeRequest(plan, session.context.store.bucket, text);
}

async function start(
  { client, context }: Session,
  output: Output,
  plan: RemovePlan,
  options: RemoveOptions,
): Promise<ExitCode> {
  const request = removeRequest(plan, context.store.bucket, '', options.drainDeadline);
  const handle = await request.start(client, askerOf(options));
  const outcome = await follow<Removed>(client, handle, options);
  return conclude(
    output,
    outcome,
    options,
    (done) =>
      `${done.machine} is gone: ${done.instanceId || 'no instance was known'}, ${done.evicted} pods evicted, ${done.removed} parts`,
  );
}
