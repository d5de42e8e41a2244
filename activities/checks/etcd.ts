import { Context } from '@temporalio/activity';
import { Etcd3 } from 'etcd3';
import { readFileSync } from 'node:fs';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { asActivity } from '../failures.ts';

/** How the zone worker reaches the zone's etcd: with its machine's own certificate. */
export interface EtcdAccess {
  /** `https://<address>:2379`, one for each member. */
  readonly endpoints: readonly string[];
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const HEALTH_KEY = '/zonewright/health';
const DEADLINE_MS = 10_000;
const DELAY_MS = 1_000;

export interface EtcdHealth {
  readonly members: readonly { readonly id: string; readonly name: string; readonly isLearner: boolean }[];
}

export const etcdChecks = (access: EtcdAccess) => ({
  /** Waits until etcd takes a write and gives it back, all members have started, and there is no alarm. */
  'etcd.health': asActivity(
    'check etcd',
    async ({ members: expected }: { readonly members?: number } = {}): Promise<EtcdHealth> => {
      const client = open(access);
      try {
        return await health(client, expected);
      } catch (error) {
        if (error instanceof ZonewrightError) throw error;
        throw new NotYet(
          `waiting for etcd at ${access.endpoints.join(', ')}: ${(error as Error).message}`,
          DELAY_MS,
        );
      } finally {
        client.close();
      }
    },
  ),
});

/** Reads the certificate files anew, so renewal needs no restart. */
function open({ endpoints, caFile, certFile, keyFile }: EtcdAccess): Etcd3 {
  return new Etcd3({
    hosts: [...endpoints],
    credentials: {
      rootCertificate: readFileSync(caFile),
      certChain: readFileSync(certFile),
      privateKey: readFileSync(keyFile),
    },
    // Members' certificates bear this name beside their addresses; the client cannot check addresses.
    grpcOptions: { 'grpc.ssl_target_name_override': 'localhost' },
    dialTimeout: 5_000,
    defaultCallOptions: () => ({ deadline: Date.now() + DEADLINE_MS }),
  });
}

async function health(client: Etcd3, expected: number | undefined): Promise<EtcdHealth> {
  const { members } = await client.cluster.memberList({});
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
      isLearner: (member as { isLearner?: boolean }).isLearner ?? false,
    })),
  };
}
