import { ZonewrightError } from '../errors.ts';
import type { SnapshotRecord } from '../etcd/backup.ts';
import type { Backup } from '../etcd/catalogue.ts';
import { canonicalJson, sha256Hex } from '../hash.ts';
import { dependenciesOf, output, type PlannedStep } from '../plan.ts';
import { roleStep } from './access-steps.ts';
import { DIRECTOR_SLOTS } from './addresses.ts';
import { machineFolder, machineNamed } from './join.ts';
import { layOutMachines, placeMachine, type MachinePlan } from './layout.ts';
import { certificatesStep, instanceStep, machineSteps, type UserDataOf } from './machine-steps.ts';
import { mustBeActive, refsOf, type ManifestEntry, type ZoneAbout } from './manifest.ts';

/** What a zone's etcd is brought back from, and on which machine. Plain JSON. */
export interface RestorePlan {
  readonly zone: string;
  readonly environment: string;
  readonly domain: string;
  readonly backup: string;
  readonly snapshot: Pick<
    SnapshotRecord,
    'key' | 'versionId' | 'sha256' | 'bytes' | 'nonce' | 'lastRevision'
  >;
  /** The director that is replaced: halted first, removed once the zone works again. */
  readonly old: { readonly machine: string; readonly instanceId: string };
  readonly machine: MachinePlan;
  readonly steps: readonly PlannedStep[];
  /** Steps of the zone whose outputs these steps use. */
  readonly needs: readonly string[];
  /** What an approval is given for. */
  readonly hash: string;
}

/** More than anybody writes while a restore is under way, or has written since the last backup. */
const MARGIN = 1_000_000_000;

/**
 * What is added to all revisions. Kubernetes' clients watch from revisions that they have seen; etcd must never give
 * one of them a second time (https://github.com/etcd-io/etcd/issues/16028). A zone that was restored before has had
 * higher ones than an older backup knows of.
 *
 * @param seen revisions that the zone's etcd is known to have had
 */
export function revisionBump(
  { lastRevision }: Pick<SnapshotRecord, 'lastRevision'>,
  seen: readonly string[],
): number {
  const highest = Math.max(...[lastRevision, ...seen].map(Number));
  return highest - Number(lastRevision) + MARGIN;
}

export const haltStep = (machine: string): string => `${machineFolder(machine)}halt`;
export const snapshotStep = (machine: string): string => `${machineFolder(machine)}snapshot`;

/**
 * Plans a restore. Pure: command line and workflow come to the same.
 *
 * @param parts of the manifest, at least the instances of directors
 * @param userDataOf renders the machine's user data: `nodeUserData` of `machine/`
 * @throws {ZonewrightError} `InvalidInput` for a backup that is not proven or of another zone; `Conflict` for a zone
 *   that cannot be restored this way
 */
export function planRestore(
  about: ZoneAbout,
  backup: Backup,
  parts: readonly ManifestEntry[],
  userDataOf: UserDataOf,
): RestorePlan {
  mustBeActive(about);
  const snapshot = provenSnapshot(about, backup);
  const { zone, environment, domain } = about;
  const old = oldDirector(about, parts);
  const machine = freshDirector(about);
  const steps = directorSteps(about, machine, old, snapshot, userDataOf);
  const made = new Set(steps.map(({ step }) => step));
  const needs = [...new Set(steps.flatMap(dependenciesOf))].filter((step) => !made.has(step)).toSorted();
  const { key, versionId, sha256, bytes, nonce, lastRevision } = snapshot;
  const plan = {
    ...{ zone, environment, domain, backup: backup.backup, old, machine, steps, needs },
    snapshot: { key, versionId, sha256, bytes, nonce, lastRevision },
  };
  return { ...plan, hash: sha256Hex(canonicalJson({ restore: plan })) };
}

/** @throws {ZonewrightError} `InvalidInput` unless it is a proven backup of this very zone */
export function provenSnapshot(
  { zone, domain, createdAt }: Pick<ZoneAbout, 'zone' | 'domain' | 'createdAt'>,
  { backup, state, claim, snapshot }: Backup,
): SnapshotRecord {
  const refuse = (why: string) =>
    new ZonewrightError('InvalidInput', `Cannot restore zone "${zone}" from backup "${backup}": ${why}`);
  if (claim === undefined || claim.zone !== zone || claim.domain !== domain)
    throw refuse(`it is of ${claim ? `zone "${claim.domain}"` : 'an unknown zone'}, expected "${domain}"`);
  if (claim.zoneCreatedAt !== createdAt)
    throw refuse(
      `it is of a zone of this name that was created at ${claim.zoneCreatedAt}, this one at ${createdAt}`,
    );
  if (state !== 'proven' || snapshot === undefined)
    throw refuse(
      `it is ${state}, expected a proven one; "zonewright etcd prove ${zone} ${backup}" proves it`,
    );
  return snapshot;
}

function oldDirector({ zone, machines }: ZoneAbout, parts: readonly ManifestEntry[]): RestorePlan['old'] {
  const directors = machines.filter((name) => machineNamed(name)?.role === 'director');
  const [machine, ...others] = directors;
  const instanceId = refsOf(parts).get(instanceStep(machine ?? ''))?.id;
  if (machine !== undefined && instanceId !== undefined && others.length === 0)
    return { machine, instanceId };
  throw new ZonewrightError(
    'Conflict',
    `Cannot restore zone "${zone}": it has ${directors.length} directors (${directors.join(', ')}), supported is 1; remove others first with "zonewright node remove"`,
  );
}

function freshDirector({ zone, spec, machines }: ZoneAbout): MachinePlan {
  const free = Array.from({ length: DIRECTOR_SLOTS }, (_, slot) => slot).find(
    (slot) => !machines.includes(`director-${slot}`),
  );
  if (free !== undefined) return placeMachine(spec, 'director', free);
  throw new ZonewrightError('Conflict', `Cannot restore zone "${zone}": no slot of a director is free`);
}

/**
 * The fresh director boots and gets its certificates while the old one still serves. Only then is that halted and the
 * snapshot put where the fresh one waits for it. An abort starts the old one again, after the fresh one is gone.
 */
function directorSteps(
  { spec, facts, zone, imageId, machines }: ZoneAbout,
  machine: MachinePlan,
  old: RestorePlan['old'],
  { key, versionId, sha256, bytes, lastRevision }: SnapshotRecord,
  userDataOf: UserDataOf,
): PlannedStep[] {
  if (facts === undefined)
    throw new ZonewrightError(
      'Conflict',
      `Cannot restore zone "${zone}": its manifest keeps no facts of its plan, since an earlier version made it`,
    );
  const borders = machines.flatMap((name) => {
    const named = machineNamed(name);
    return named?.role === 'border' ? [placeMachine(spec, 'border', named.slot)] : [];
  });
  const layout = layOutMachines(spec, { ...facts, imageId }, [...borders, machine]);
  const restore = { sha256 };
  const own = machineSteps(layout, (config) =>
    userDataOf({ ...config, cluster: { ...config.cluster, etcd: { ...config.cluster.etcd, restore } } }),
  ).filter(({ step }) => step.startsWith(machineFolder(machine.name)));
  const common = { name: `${layout.domain}-${machine.name}`, role: 'director' };
  return [
    ...own,
    {
      ...common,
      step: haltStep(old.machine),
      kind: 'instance-halt',
      summary: `halting ${old.machine}, which is kept until the zone works again`,
      plan: { instanceId: old.instanceId },
      after: [certificatesStep(machine.name)],
      undoneLast: true,
    },
    {
      ...common,
      step: snapshotStep(machine.name),
      kind: 'snapshot-copy',
      summary: `giving ${machine.name} the snapshot to start from`,
      plan: {
        bucket: facts.bucket,
        from: { key, versionId },
        sha256,
        bytes,
        // Raised by what is seen when it is made.
        bumpRevision: revisionBump({ lastRevision }, []),
        roleId: output(roleStep('director')),
        instanceId: output(instanceStep(machine.name)),
        ...(facts.storePrefix === '' ? {} : { storePrefix: facts.storePrefix }),
      },
      after: [haltStep(old.machine)],
    },
  ];
}
