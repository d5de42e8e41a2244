import { Etcd3, type IHashKVResponse } from 'etcd3';

const DEADLINE_MS = 10_000;

/** An etcd of our own on a socket that nobody else can open. */
export const connectSocket = (path: string): Etcd3 =>
  new Etcd3({
    hosts: `unix:${path}`,
    grpcOptions: { 'grpc.default_authority': 'localhost' },
    defaultCallOptions: () => ({ deadline: Date.now() + DEADLINE_MS }),
  });

/** Hashing some hundreds of megabytes takes its time. */
const HASH_MS = 120_000;

/**
 * The hash over all keys up to a revision.
 *
 * @throws {Error} of gRPC, when the revision was compacted or is in the future
 */
export async function hashAt(client: Etcd3, revision: string) {
  // etcd3 calls it `hashKV`; the method that its protocol library makes of the proto is `HashKV`.
  const { client: pool } = client.maintenance as unknown as {
    client: { exec(service: string, method: string, input: object, options: object): Promise<unknown> };
  };
  const options = { deadline: Date.now() + HASH_MS };
  const answer = (await pool.exec('Maintenance', 'HashKV', { revision }, options)) as IHashKVResponse;
  return { hash: String(answer.hash), compactRevision: answer.compact_revision };
}

/** How many keys there are at a revision. */
export async function keysAt(client: Etcd3, revision: string): Promise<string> {
  const everything = Buffer.from([0]);
  const range = { key: everything, range_end: everything, count_only: true, revision };
  return (await client.kv.range(range, { deadline: Date.now() + HASH_MS })).count;
}
