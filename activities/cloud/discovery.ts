import type { Etcd3 } from 'etcd3';
import {
  EtcdRoleExistsError,
  EtcdRoleNotFoundError,
  EtcdUserExistsError,
  EtcdUserNotFoundError,
} from 'etcd3';
import type { DiscoveryUser, Grant } from '../../domain/discovery/access.ts';
import { endOf } from '../../domain/discovery/keys.ts';
import type { Entry } from '../../domain/discovery/values.ts';
import { lendEtcd, waitingFor, type EtcdAccess } from './etcd.ts';

/**
 * Does something with the discovery etcd, as its root.
 *
 * @throws {NotYet} when no member answers
 */
export const withDiscovery = <T>(access: EtcdAccess, run: (client: Etcd3) => Promise<T>): Promise<T> =>
  lendEtcd(access, run, waitingFor('discovery', access));

/** Everything below a prefix, and the revision at which it was read. */
export async function readPrefix(
  client: Etcd3,
  prefix: string,
): Promise<{
  readonly revision: number;
  readonly entries: readonly (Entry & { readonly modified: number })[];
}> {
  const { header, kvs } = await client.getAll().prefix(prefix).sort('Key', 'Ascend').exec();
  const entries = kvs.map(({ key, value, create_revision, mod_revision }) => ({
    key: key.toString(),
    value: value.toString(),
    created: Number(create_revision),
    modified: Number(mod_revision),
  }));
  return { revision: Number(header.revision), entries };
}

/** Makes a user and its role of the same name; does nothing where they are there. It has no password, only certificates. */
export async function ensureUser({ auth }: Etcd3, { name, grants }: DiscoveryUser): Promise<void> {
  await auth.roleAdd({ name }).catch(unless(EtcdRoleExistsError));
  for (const grant of grants) await auth.roleGrantPermission({ name, perm: permission(grant) });
  await auth.userAdd({ name, options: { no_password: true } }).catch(unless(EtcdUserExistsError));
  await auth.userGrantRole({ user: name, role: name });
}

/** Succeeds on nothing. */
export async function removeUser({ auth }: Etcd3, { name }: DiscoveryUser): Promise<void> {
  await auth.userDelete({ name }).catch(unless(EtcdUserNotFoundError));
  await auth.roleDelete({ role: name }).catch(unless(EtcdRoleNotFoundError));
}

/** A key that ends with a slash means all that begins with it: up to the first key that does not. */
const permission = ({ key, permission: permType }: Grant) => ({
  permType,
  key: Buffer.from(key),
  range_end: Buffer.from(key.endsWith('/') ? endOf(key) : ''),
});

const unless =
  (expected: new (...args: never[]) => Error) =>
  (error: unknown): undefined => {
    if (!(error instanceof expected)) throw error;
    return undefined;
  };
