import type { Etcd3, ISnapshotResponse } from 'etcd3';
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import type { SnapshotRecord, StateHash } from '../../domain/etcd/backup.ts';
import { connectEtcd, dialMember, lendEtcd, waitingFor, type EtcdAccess } from '../cloud/etcd.ts';
import { hashAt, keysAt } from './state.ts';

const NONCE_KEY = '/zonewright/backup';
const DELAY_MS = 2_000;
/** A member that sends nothing for this long while somebody waits for it has hung. */
const STALL_MS = 60_000;

/** A member that a snapshot can be taken from. */
export interface SourceMember {
  readonly client: Etcd3;
  readonly endpoint: string;
  readonly source: SnapshotRecord['source'];
  /** Bytes of its database, which is what a snapshot of it has. */
  readonly dbBytes: number;
}

/** Writes something that no snapshot before can hold. @returns where it is */
export const writeNonce = (access: EtcdAccess): Promise<SnapshotRecord['nonce']> =>
  lendEtcd(
    access,
    async (client) => {
      const value = `${new Date().toISOString()} ${randomBytes(16).toString('hex')}`;
      const { header } = await client.put(NONCE_KEY).value(value);
      return { key: NONCE_KEY, value, revision: header.revision };
    },
    waitingFor('etcd', access, DELAY_MS),
  );

/**
 * Lends a healthy member whose revision has reached the nonce's; a follower where there is one, since the leader has
 * more to do.
 *
 * @throws {NotYet} saying what is wrong with each, when there is none
 */
export async function withMember<T>(
  access: EtcdAccess,
  revision: string,
  body: (member: SourceMember) => Promise<T>,
): Promise<T> {
  const looked = await Promise.all(access.endpoints.map((endpoint) => look(access, endpoint, revision)));
  const fit = looked.filter((one) => 'client' in one).toSorted((a, b) => Number(a.leads) - Number(b.leads));
  try {
    const [member] = fit;
    if (member) return await body(member);
    const why = looked.map((one) => ('because' in one ? `${one.endpoint}: ${one.because}` : ''));
    throw new NotYet(`waiting for a healthy etcd member: ${why.join('; ')}`, DELAY_MS);
  } finally {
    for (const { client } of fit) client.close();
  }
}

type Looked =
  (SourceMember & { readonly leads: boolean }) | { readonly endpoint: string; readonly because: string };

async function look(access: EtcdAccess, endpoint: string, revision: string): Promise<Looked> {
  const said = await dialMember(access, endpoint);
  if (said === undefined) return { endpoint, because: 'it does not answer' };
  if (said.errors.length > 0) return { endpoint, because: said.errors.join(', ') };
  if (said.isLearner) return { endpoint, because: 'it is a learner' };
  if (said.leader === undefined) return { endpoint, because: 'it has no leader' };
  const client = connectEtcd(access, [endpoint]);
  try {
    const { header, dbSize, version } = await client.maintenance.status();
    if (BigInt(header.revision) < BigInt(revision))
      throw new Error(`it is at revision ${header.revision}, before ${revision}`);
    const { members } = await client.cluster.memberList({});
    const member = members.find(({ ID }) => ID === said.id)?.name ?? '';
    const source = { member, memberId: said.id, clusterId: header.cluster_id, version };
    return { client, endpoint, source, dbBytes: Number(dbSize), leads: said.leader === said.id };
  } catch (error) {
    client.close();
    return { endpoint, because: (error as Error).message };
  }
}

export interface StateAt {
  readonly keys: string;
  readonly hash: StateHash;
}

/** @throws {NotYet} when the revision was compacted: another nonce has a later one */
export async function stateAt({ client, endpoint }: SourceMember, revision: string): Promise<StateAt> {
  try {
    return { keys: await keysAt(client, revision), hash: await hashAt(client, revision) };
  } catch (error) {
    throw new NotYet(`waiting for the hash of ${endpoint}: ${(error as Error).message}`, DELAY_MS);
  }
}

/** The hash once more, after the snapshot: where it was compacted meanwhile only this one can be compared. */
export const hashAfter = ({ client }: SourceMember, revision: string): Promise<StateHash | undefined> =>
  hashAt(client, revision).catch(() => undefined);

export const revisionOf = async ({ client }: SourceMember): Promise<string> =>
  (await client.maintenance.status()).header.revision;

/** The bytes of a snapshot, as fast as they are taken; etcd's own trailer is the end of them. */
export async function* snapshotBytes(
  { client, endpoint }: SourceMember,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stream = (await client.maintenance.snapshot({ deadline: Infinity })) as unknown as SnapshotStream;
  const cancel = () => stream.cancel();
  // Armed only while the member has to speak: whoever takes the bytes may take their time.
  const watch = () =>
    setTimeout(() => stream.destroy(new Error(`it sent nothing for ${STALL_MS / 1000} s`)), STALL_MS);
  let timer = watch();
  signal.addEventListener('abort', cancel);
  try {
    for await (const { blob } of stream) {
      clearTimeout(timer);
      yield blob;
      timer = watch();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new ZonewrightError(
      'CloudUnavailable',
      `Cannot take a snapshot of ${endpoint}: ${(error as Error).message}`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}

interface SnapshotStream extends Readable, AsyncIterable<ISnapshotResponse> {
  cancel(): void;
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<ISnapshotResponse>;
}
