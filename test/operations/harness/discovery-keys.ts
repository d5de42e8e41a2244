import { MACHINE_CONFIG_PATH } from '../../../domain/machine-config.ts';
import { inside, type Machine } from '../../system/machines.ts';

/** `etcdctl` on a machine, with answers to be read by programs. */
export const ETCDCTL = ['env', 'ETCDCTL_API=3', 'etcdctl', '-w', 'json'] as const;

/** What agents say anew whenever they like. */
const VOLATILE = new Set(['revision', 'drained', 'at', 'uid', 'bootId']);
/** A revision, whenever something changed. */
const NOT_COMPARED = new Set(['/projector/changed']);

/** Keys of a zone's discovery etcd with their values. */
export async function discoveryKeys(border: Machine): Promise<string[]> {
  const config = JSON.parse(await inside(border, 'cat', MACHINE_CONFIG_PATH)) as {
    cluster: { discovery?: { endpoints: readonly string[] } };
  };
  const { discovery } = config.cluster;
  if (discovery === undefined) return [];
  const pki = '/etc/zonewright/pki';
  const access = [
    ...[`--cacert=${pki}/discovery-ca.crt`, `--endpoints=${discovery.endpoints.join(',')}`],
    ...[`--cert=${pki}/discovery-operator.crt`, `--key=${pki}/discovery-operator.key`],
  ];
  const answer = await inside(border, ...ETCDCTL, ...access, 'get', '--prefix', '/');
  const { kvs = [] } = JSON.parse(answer) as { kvs?: { key: string; value: string }[] };
  return kvs
    .map(({ key, value }) => [decoded(key), decoded(value)] as const)
    .filter(([key]) => !NOT_COMPARED.has(key))
    .map(([key, value]) => `discovery ${key} ${steady(value)}`);
}

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString();

function steady(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text, (key, value: unknown) => (VOLATILE.has(key) ? undefined : value)));
  } catch {
    return text;
  }
}
