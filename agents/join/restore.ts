import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { peerUrl } from '../../domain/etcd/clusters.ts';
import { BUMP_METADATA, memberName, type MachineConfig } from '../../domain/machine-config.ts';
import type { NodeFacts } from '../host/metadata.ts';
import type { MachineStore } from '../host/store.ts';
import type { JoinMachine } from './join.ts';

const FOLDER = '/var/lib/etcd';
/** What etcd's unit is given as its data; there once the member has begun. */
const DATA = `${FOLDER}/member`;
const SNAPSHOT = `${FOLDER}/restore.db`;
const DRAFT = `${FOLDER}/restored`;

/**
 * Makes the data of a first etcd member from a snapshot that is put into the machine's prefix, before etcd starts.
 * Does nothing where the member has begun: a machine that boots again goes on with what it has.
 *
 * @throws {Error} when what lies there is not the snapshot that the machine was told of
 */
export async function restoreEtcd(
  { files, report, pollMs, etcdutl = '/usr/local/bin/etcdutl' }: JoinMachine,
  config: MachineConfig,
  { privateIp }: NodeFacts,
  store: MachineStore,
): Promise<void> {
  const { restore, token, initialCluster } = config.cluster.etcd;
  if (restore === undefined || existsSync(files.at(DATA))) return;
  await report.enter('restore');
  mkdirSync(files.at(FOLDER), { recursive: true, mode: 0o700 });
  const snapshot = files.at(SNAPSHOT);
  let fetched = await store.fetch(store.keys.snapshot, snapshot);
  while (fetched === undefined) {
    await report.detail('waiting for the snapshot to be put here');
    await sleep(pollMs);
    fetched = await store.fetch(store.keys.snapshot, snapshot);
  }
  const { sha256, metadata } = fetched;
  if (sha256 !== restore.sha256)
    throw new Error(`Cannot restore etcd: the snapshot has SHA-256 ${sha256}, expected ${restore.sha256}`);
  await report.detail('restoring the snapshot');
  const draft = files.at(DRAFT);
  rmSync(draft, { recursive: true, force: true });
  await promisify(execFile)(etcdutl, [
    'snapshot',
    'restore',
    snapshot,
    `--data-dir=${draft}`,
    `--name=${memberName(config.slot)}`,
    `--initial-cluster=${initialCluster}`,
    `--initial-cluster-token=${token}`,
    `--initial-advertise-peer-urls=${peerUrl('kubernetes', privateIp)}`,
    `--bump-revision=${bumpOf(metadata)}`,
    '--mark-compacted',
  ]);
  files.giveTo(FOLDER, 'etcd');
  // Last: from here on the member has begun.
  renameSync(draft, files.at(DATA));
  rmSync(snapshot, { force: true });
}

/** Without it clients would see time go back. */
function bumpOf({ [BUMP_METADATA]: bump = '' }: Readonly<Record<string, string>>): string {
  if (/^\d+$/.test(bump)) return bump;
  throw new Error(
    `Cannot restore etcd: the snapshot says "${bump}" of "${BUMP_METADATA}", expected a number`,
  );
}
