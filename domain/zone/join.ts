import { InvalidInput, ZonewrightError } from '../errors.ts';
import { canonicalJson, sha256Hex } from '../hash.ts';
import { ROLES, type MachineRole } from '../pki/facts.ts';
import { dependenciesOf, output, type PlannedStep } from '../plan.ts';
import { DIRECTOR_SLOTS, nodePodRanges, slotsOf } from './addresses.ts';
import { joiningConfig, withMembers } from './director-steps.ts';
import { layOutMachines, placeMachine, type MachinePlan, type ZoneLayout } from './layout.ts';
import { instanceStep, machineSteps, nodeNameOf, nodeStep, type UserDataOf } from './machine-steps.ts';
import { mustBeActive, refsOf, type ManifestEntry, type ZoneAbout } from './manifest.ts';

/** Roles that a machine can join an existing zone in. */
export const JOINING_ROLES = ['worker', 'director'] as const satisfies readonly MachineRole[];
export type JoiningRole = (typeof JOINING_ROLES)[number];

export interface JoinRequest {
  readonly role: JoiningRole;
  /** `worker-2`; the lowest free slot without it. */
  readonly machine?: string | undefined;
  /** Place of the pool in the zone's list of workers; needed where there are several. */
  readonly pool?: number | undefined;
}

/** One machine that joins: what is made for it, from what is there. Plain JSON. */
export interface JoinPlan {
  readonly zone: string;
  readonly environment: string;
  readonly domain: string;
  readonly machine: MachinePlan;
  readonly imageId: string;
  readonly steps: readonly PlannedStep[];
  /** Ids of the parts of the zone that the steps use, by step. */
  readonly uses: Readonly<Record<string, string>>;
  /** What an approval is given for. */
  readonly hash: string;
}

/** The steps of a join before anybody has looked up the parts that they use. */
export interface JoinSteps {
  readonly layout: ZoneLayout;
  readonly machine: MachinePlan;
  readonly steps: readonly PlannedStep[];
  /** Steps of the zone whose outputs or existence the join needs. */
  readonly needs: readonly string[];
}

/**
 * Plans what one machine takes that joins an existing zone. Pure: command line and workflow come to the same.
 *
 * @param userDataOf renders the machine's user data: `nodeUserData` of `machine/`
 * @throws {ZonewrightError} `Conflict` when the zone is not active or has no place; `InvalidInput` for a wrong request
 */
export function joinSteps(about: ZoneAbout, request: JoinRequest, userDataOf: UserDataOf): JoinSteps {
  mustBeActive(about);
  const { spec, facts, zone } = about;
  if (facts === undefined) {
    throw new ZonewrightError(
      'Conflict',
      `Cannot join a machine to zone "${zone}": its manifest keeps no facts of its plan, since an earlier version made it`,
    );
  }
  const { role } = request;
  const slot = slotFor(about, request);
  const machine = placeMachine(spec, role, slot, role === 'worker' ? poolFor(about, request) : 0);
  const others = about.machines.flatMap((name) => machineNamed(name) ?? []);
  const layout = layOutMachines(spec, { ...facts, imageId: about.imageId }, [
    ...others.filter((one) => one.role !== 'worker').map((one) => placeMachine(spec, one.role, one.slot)),
    machine,
  ]);
  const prefix = machineFolder(machine.name);
  const own = machineSteps(layout, (config) =>
    userDataOf(role === 'director' ? joiningConfig(config) : config),
  ).filter(({ step }) => step.startsWith(prefix));
  const steps = role === 'worker' ? withNode(layout, machine, own) : withMembers(layout, machine, own);
  const made = new Set(steps.map(({ step }) => step));
  const needs = [...new Set(steps.flatMap(dependenciesOf))].filter((step) => !made.has(step)).toSorted();
  return { layout, machine, steps, needs };
}

/**
 * The plan, once the parts are known that its steps use.
 *
 * @param parts of the zone's manifest, at least those that `needs` names
 * @throws {ZonewrightError} `Conflict` when the zone lacks one of them
 */
export function joinPlan(
  { layout, machine, steps, needs }: JoinSteps,
  parts: readonly ManifestEntry[],
): JoinPlan {
  const { zone, domain, spec, facts } = layout;
  const refs = refsOf(parts);
  const missing = needs.filter((step) => !refs.has(step));
  if (missing.length > 0) {
    throw new ZonewrightError(
      'Conflict',
      `Cannot join ${machine.name} to zone "${zone}": its manifest lacks ${missing.map((step) => `"${step}"`).join(', ')}`,
      { details: { missing } },
    );
  }
  const uses = Object.fromEntries(needs.map((step) => [step, refs.get(step)?.id ?? '']));
  const plan = {
    ...{ zone, environment: spec.environment.domain, domain, machine, imageId: facts.imageId },
    ...{ steps, uses },
  };
  return { ...plan, hash: sha256Hex(canonicalJson({ join: plan })) };
}

/** Steps below it are all of one machine. */
export const machineFolder = (machine: string): string => `machines/${machine}/`;

/** `worker-2` in its parts; `undefined` for what is no machine's name. */
export function machineNamed(
  name: string,
): { readonly role: MachineRole; readonly slot: number } | undefined {
  const [, role, slot] = /^([a-z]+)-(0|[1-9]\d{0,3})$/.exec(name) ?? [];
  const known = ROLES.find((one) => one === role);
  return known === undefined ? undefined : { role: known, slot: Number(slot) };
}

/**
 * Kubernetes must know this very instance before the node is asked anything. The Node object is the kubelet's work: it
 * is undone once the machine that could make it again is gone.
 */
function withNode(layout: ZoneLayout, machine: MachinePlan, steps: readonly PlannedStep[]): PlannedStep[] {
  const { name, role } = machine;
  const node: PlannedStep = {
    step: nodeStep(name),
    kind: 'node',
    name: `${layout.domain}-${name}`,
    role,
    summary: `waiting until Kubernetes knows ${name}`,
    plan: { node: nodeNameOf(name, role), instanceId: output(instanceStep(name)) },
    undoneLast: true,
  };
  const waits = (step: PlannedStep): PlannedStep =>
    step.kind === 'node-admission' ? { ...step, after: [...(step.after ?? []), node.step] } : step;
  return [...steps.map(waits), node];
}

function slotFor({ zone, spec, machines }: ZoneAbout, { role, machine }: JoinRequest): number {
  const slots =
    role === 'director'
      ? DIRECTOR_SLOTS
      : Math.min(slotsOf('worker'), nodePodRanges(spec.kubernetes.podCidr));
  const taken = new Set(machines);
  if (machine === undefined) {
    const free = Array.from({ length: slots }, (_, at) => at).find((at) => !taken.has(`${role}-${at}`));
    if (free !== undefined) return free;
    throw new ZonewrightError(
      'Conflict',
      `Cannot join a ${role} to zone "${zone}": its ${slots} slots are taken`,
    );
  }
  const named = machineNamed(machine);
  if (named?.role !== role || named.slot >= slots) {
    const expected = `${role}-<slot> with a slot from 0 to ${slots - 1}`;
    throw new InvalidInput('the name of the machine', [{ path: 'machine', value: machine, expected }]);
  }
  if (!taken.has(machine)) return named.slot;
  throw new ZonewrightError('Conflict', `Cannot join ${machine} to zone "${zone}": its slot is taken`);
}

function poolFor({ spec: { workers } }: ZoneAbout, { pool }: JoinRequest): number {
  if (pool === undefined && workers.length === 1) return 0;
  if (pool !== undefined && workers[pool] !== undefined) return pool;
  const pools = workers.map(({ instanceType }, at) => `${at} (${instanceType})`).join(', ');
  throw new InvalidInput('the pool of the worker', [
    { path: 'pool', value: pool, expected: `one of ${pools}` },
  ]);
}
