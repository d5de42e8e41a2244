import { ZonewrightError } from '../errors.ts';
import { canonicalJson, sha256Hex } from '../hash.ts';
import { nodeName, type MachineRole } from '../pki/facts.ts';
import type { PlannedStep } from '../plan.ts';
import type { MemberOf } from '../resources/etcd-member.ts';
import { membersOf } from './director-steps.ts';
import { machineFolder, machineNamed } from './join.ts';
import { placeMachine } from './layout.ts';
import { instanceStep } from './machine-steps.ts';
import { mustBeActive, refsOf, type ManifestEntry, type ZoneAbout } from './manifest.ts';

export interface RemoveRequest {
  /** `worker-2` */
  readonly machine: string;
  /**
   * The very instance that is meant: a machine that took the slot since is not touched. Absent for one that was begun
   * and of which no instance is known.
   */
  readonly instanceId?: string | undefined;
  /** Deletes pods, too, that nobody makes anew elsewhere. */
  readonly force: boolean;
  /** Removes the last of its role, too. */
  readonly last: boolean;
}

/** One machine that goes: exactly these parts. Plain JSON. */
export interface RemovePlan {
  readonly zone: string;
  readonly environment: string;
  readonly domain: string;
  readonly machine: string;
  readonly role: MachineRole;
  /** Empty where no instance is known. */
  readonly instanceId: string;
  /** Name of its Node object; only workers that have an instance have one. */
  readonly node?: string;
  /** What it is of the zone's etcd clusters; only directors are. */
  readonly members?: readonly MemberOf[];
  readonly force: boolean;
  readonly last: boolean;
  readonly parts: readonly { readonly step: string; readonly kind: string; readonly id: string }[];
  /** What an approval is given for. */
  readonly hash: string;
}

/** What is irreversible about a removal, as `explain` and a refused abort say it. */
export const NO_RETURN = 'its machine is being terminated, and a machine that is gone cannot be brought back';

/**
 * Plans the removal of one machine. Pure: command line and workflow come to the same.
 *
 * @param parts everything that the manifest lists of the machine
 * @throws {ZonewrightError} `Conflict` when the zone is not active, has no such instance, or would lose the last of a role
 */
export function planRemove(
  about: ZoneAbout,
  parts: readonly ManifestEntry[],
  { machine, instanceId, force, last }: RemoveRequest,
): RemovePlan {
  mustBeActive(about);
  const { zone, environment, domain } = about;
  const refuse = (why: string) =>
    new ZonewrightError('Conflict', `Cannot remove ${machine} from zone "${zone}": ${why}`);
  const { role, slot } = machineNamed(machine) ?? {};
  if (role === undefined || slot === undefined || parts.length === 0) throw refuse('it has no such machine');
  const there = refsOf(parts).get(instanceStep(machine))?.id;
  if (there !== instanceId)
    throw refuse(`it is instance "${there ?? 'none'}", expected "${instanceId ?? 'none'}"`);
  const others = about.machines.filter((other) => other !== machine && machineNamed(other)?.role === role);
  if (others.length === 0 && !last) throw refuse(`it is the last ${role}`);
  const plan = {
    ...{ zone, environment, domain, machine, role, instanceId: instanceId ?? '' },
    ...(role === 'worker' && instanceId !== undefined ? { node: nodeName({ instanceId, role }) } : {}),
    ...(role === 'director' ? { members: membersOf(placeMachine(about.spec, role, slot)) } : {}),
    ...{ force, last },
    parts: parts.map(({ step, kind, ref }) => ({ step, kind, id: ref?.id ?? 'begun' })),
  };
  return { ...plan, hash: sha256Hex(canonicalJson({ remove: plan })) };
}

/** What is done to a node before its machine goes, and undone when the removal is given up. */
export function drainSteps({ domain, machine, instanceId, node = '' }: RemovePlan): {
  readonly leave: readonly PlannedStep[];
  readonly off: readonly PlannedStep[];
} {
  const common = { name: `${domain}-${machine}`, role: 'worker', plan: { node, instanceId } };
  const step = (name: string) => `${machineFolder(machine)}${name}`;
  return {
    leave: [
      {
        ...common,
        step: step('cordon'),
        kind: 'node-cordon',
        summary: `letting ${machine} take no new pods`,
      },
      {
        ...common,
        step: step('withdrawal'),
        kind: 'node-withdrawal',
        summary: `withdrawing the services of ${machine} from the routers`,
        after: [step('cordon')],
      },
    ],
    off: [
      {
        ...common,
        step: step('out-of-service'),
        kind: 'node-out-of-service',
        summary: `telling Kubernetes that ${machine} is off`,
      },
    ],
  };
}
