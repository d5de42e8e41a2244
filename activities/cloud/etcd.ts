import { Etcd3 } from 'etcd3';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import type { EtcdCluster } from '../../domain/etcd/clusters.ts';

/** How the zone worker reaches an etcd of the zone: with its machine's own certificate. */
export interface EtcdAccess {
  /** `https://<address>:2379`: where members may live; those that do not answer are passed over. */
  readonly endpoints: readonly string[];
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** How a cluster of the zone is reached. @throws {ZonewrightError} `InvalidInput` when the zone has none of that name */
export type EtcdOf = (cluster: EtcdCluster) => EtcdAccess;

export const etcdOf =
  (clusters: Readonly<Partial<Record<EtcdCluster, EtcdAccess>>>): EtcdOf =>
  (cluster) => {
    const access = clusters[cluster];
    if (access) return access;
    throw new ZonewrightError('InvalidInput', `Cannot reach etcd "${cluster}": this zone has none`);
  };

/** What a member says of itself. */
export interface MemberStatus {
  readonly endpoint: string;
  readonly id: string;
  readonly isLearner: boolean;
  /** The leader that it knows; absent when it knows none. */
  readonly leader: string | undefined;
  readonly errors: readonly string[];
}

const DEADLINE_MS = 10_000;
/** For what may be dead: machines of one VPC answer in milliseconds. */
const DIAL_MS = 1_000;
const STATUS_MS = 3_000;
/** Members of one cluster answer within milliseconds of one another. */
const GRACE_MS = 100;

/** A client of exactly these endpoints; the caller closes it. Reads the certificate files anew, so renewal needs no restart. */
export function connectEtcd(
  { caFile, certFile, keyFile }: EtcdAccess,
  endpoints: readonly string[],
  deadlineMs = DEADLINE_MS,
): Etcd3 {
  return new Etcd3({
    hosts: [...endpoints],
    credentials: {
      rootCertificate: readFileSync(caFile),
      certChain: readFileSync(certFile),
      privateKey: readFileSync(keyFile),
    },
    // Members' certificates bear this name beside their addresses; the client cannot check addresses.
    grpcOptions: { 'grpc.ssl_target_name_override': 'localhost' },
    dialTimeout: Math.min(5_000, deadlineMs),
    defaultCallOptions: () => ({ deadline: Date.now() + deadlineMs }),
  });
}

/** Asks one member about itself; `undefined` when it does not answer in time. */
export async function dialMember(access: EtcdAccess, endpoint: string): Promise<MemberStatus | undefined> {
  if (!(await accepts(endpoint))) return undefined;
  const client = connectEtcd(access, [endpoint], STATUS_MS);
  try {
    const { header, leader, isLearner, errors } = await client.maintenance.status();
    const known = leader === '0' || leader === '' ? undefined : leader;
    return { endpoint, id: header.member_id, isLearner, leader: known, errors };
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

/** Statuses of those that answer, looked for at the same time. */
export async function dialMembers(
  access: EtcdAccess,
  endpoints = access.endpoints,
): Promise<readonly MemberStatus[]> {
  const asked = await Promise.all(endpoints.map((endpoint) => dialMember(access, endpoint)));
  return asked.filter((status) => status !== undefined);
}

/**
 * A client of the voters that answer and know a leader; the caller closes it. Who answers much later than the first is
 * left out: most zones have slots for directors that nobody has, and dialling those takes a second.
 *
 * @param without id of a member that is on its way out: it may stop answering at any moment
 * @throws {NotYet} when there is none
 */
export async function openEtcd(access: EtcdAccess, without?: string): Promise<Etcd3> {
  const voters = await votersThatAnswer(access, without);
  if (voters.length > 0)
    return connectEtcd(
      access,
      voters.map(({ endpoint }) => endpoint),
    );
  throw new NotYet(
    `waiting for etcd at ${access.endpoints.join(', ')}: no member answers with a leader`,
    1_000,
  );
}

async function votersThatAnswer(
  access: EtcdAccess,
  without: string | undefined,
): Promise<readonly MemberStatus[]> {
  const voters: MemberStatus[] = [];
  const first = Promise.withResolvers<void>();
  const dials = access.endpoints.map(async (endpoint) => {
    const status = await dialMember(access, endpoint);
    if (!status || status.isLearner || !status.leader || status.id === without) return;
    voters.push(status);
    first.resolve();
  });
  const grace = first.promise.then(() => sleep(GRACE_MS));
  await Promise.race([Promise.all(dials), grace]);
  return [...voters];
}

/**
 * Runs `body` with a client of the voters that answer.
 *
 * @param failure what becomes of an error that is none of ours; by default what is waited for
 * @throws {NotYet} when no voter answers
 */
export async function lendEtcd<T>(
  access: EtcdAccess,
  body: (client: Etcd3) => Promise<T>,
  failure: (error: Error) => unknown = waitingFor('etcd', access),
  without?: string,
): Promise<T> {
  const client = await openEtcd(access, without);
  try {
    return await body(client);
  } catch (error) {
    throw error instanceof ZonewrightError || !(error instanceof Error) ? error : failure(error);
  } finally {
    client.close();
  }
}

export const waitingFor =
  (what: string, { endpoints }: EtcdAccess, delayMs = 1_000) =>
  ({ message }: Error): NotYet =>
    new NotYet(`waiting for ${what} at ${endpoints.join(', ')}: ${message}`, delayMs);

/** grpc would go on dialling what is dead in silence; a plain connection is given up in time. */
function accepts(endpoint: string): Promise<boolean> {
  const { hostname, port } = new URL(endpoint);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: DIAL_MS });
    const answer = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', answer(true));
    socket.once('timeout', answer(false));
    socket.once('error', answer(false));
  });
}
