import { Context } from '@temporalio/activity';
import type { Etcd3 } from 'etcd3';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { lendEtcd, type EtcdAccess } from '../cloud/etcd.ts';
import { asActivity } from '../failures.ts';

export type { EtcdAccess } from '../cloud/etcd.ts';

const HEALTH_KEY = '/zonewright/health';
const DELAY_MS = 1_000;

export interface EtcdHealth {
  readonly members: readonly { readonly id: string; readonly name: string; readonly isLearner: boolean }[];
}

export const etcdChecks = (access: EtcdAccess) => ({
  /** Waits until etcd takes a write and gives it back, all members have started, and there is no alarm. */
  'etcd.health': asActivity(
    'check etcd',
    ({ members: expected }: { readonly members?: number } = {}): Promise<EtcdHealth> =>
      lendEtcd(access, (client) => health(client, expected)),
  ),
});

async function health(client: Etcd3, expected: number | undefined): Promise<EtcdHealth> {
  const { members } = await client.cluster.memberList({ linearizable: true });
  const unstarted = members.filter(({ name }) => name === '');
  if (unstarted.length > 0 || (expected !== undefined && members.length !== expected)) {
    throw new NotYet(
      `waiting for etcd members: ${members.length - unstarted.length} of ${expected ?? members.length} have started`,
      DELAY_MS,
    );
  }
  const { alarms } = await client.maintenance.alarm({ action: 'Get' });
  if (alarms.length > 0) {
    const named = alarms.map(({ alarm, memberID }) => `${alarm} on member ${memberID}`);
    throw new ZonewrightError('GateFailed', `etcd has alarms: ${named.join(', ')}`);
  }
  // The run and attempt: another check at the same time writes another value.
  const { activityId, attempt, workflowExecution } = Context.current().info;
  const nonce = `${workflowExecution?.runId}/${activityId}/${attempt}/${Date.now()}`;
  const put = await client.put(HEALTH_KEY).value(nonce);
  const read = await client.get(HEALTH_KEY).exec();
  const stored = read.kvs[0];
  const isOurs = stored?.value.toString() === nonce;
  // A later write of another check is proof enough that ours was taken.
  if (!isOurs && BigInt(stored?.mod_revision ?? 0) <= BigInt(put.header.revision)) {
    throw new ZonewrightError('GateFailed', `etcd gave back another value than was put at "${HEALTH_KEY}"`);
  }
  return {
    members: members.map((member) => ({
      id: member.ID,
      name: member.name,
      isLearner: member.isLearner,
    })),
  };
}
