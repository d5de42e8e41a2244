import type { Etcd3, IKeyValue } from 'etcd3';
import { endOf } from '../../domain/discovery/keys.ts';
import type { Entry } from '../../domain/discovery/values.ts';

export interface Snapshot {
  /** Revision of the store at which all of it was read. */
  readonly revision: number;
  /** What lies below each prefix, in the order of keys. */
  readonly below: ReadonlyMap<string, readonly Entry[]>;
}

/** Reads everything below some prefixes at one revision. */
export async function readBelow(client: Etcd3, prefixes: readonly string[]): Promise<Snapshot> {
  const { header, responses } = await client.kv.txn({
    compare: [],
    failure: [],
    success: prefixes.map((prefix) => ({
      request_range: {
        key: Buffer.from(prefix),
        range_end: Buffer.from(endOf(prefix)),
        sort_target: 'Key',
        sort_order: 'Ascend',
      },
    })),
  });
  const below = prefixes.map(
    (prefix, at) => [prefix, (responses[at]?.response_range?.kvs ?? []).map(entryOf)] as const,
  );
  return { revision: Number(header.revision), below: new Map(below) };
}

const entryOf = ({ key, value, create_revision }: IKeyValue): Entry => ({
  key: key.toString(),
  value: value.toString(),
  created: Number(create_revision),
});
