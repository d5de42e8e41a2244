import type { Etcd3 } from 'etcd3';
import { setTimeout as sleep } from 'node:timers/promises';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import {
  projectChange,
  type EtcdMember,
  type MembershipChange,
  type Projection,
} from '../../domain/etcd/quorum.ts';
import type { MemberOf } from '../../domain/resources/etcd-member.ts';
import { dialMember, lendEtcd, type EtcdAccess } from './etcd.ts';

/** Runs `body` with a client of the voters that answer. What etcd refuses for the moment is thrown as `NotYet`. */
export const withEtcd = <T>(
  access: EtcdAccess,
  action: string,
  body: (client: Etcd3) => Promise<T>,
  without?: string,
): Promise<T> => lendEtcd(access, body, (error) => fromEtcdError(action, error), without);

type Listed = Omit<EtcdMember, 'healthy'> & { readonly clientUrls: readonly string[] };

/** The member list as the majority agreed on it. */
export const listMembers = (access: EtcdAccess): Promise<Listed[]> =>
  withEtcd(access, 'list etcd members', async (client) => {
    const { members } = await client.cluster.memberList({ linearizable: true });
    return members.map(({ ID, name, peerURLs, clientURLs, isLearner }) => ({
      id: ID,
      name,
      peerUrls: peerURLs,
      clientUrls: clientURLs,
      isLearner,
      started: name !== '',
    }));
  });

/** The member list, each member dialled: it is healthy when it answers itself, knows a leader and has no error. */
export async function examineMembers(access: EtcdAccess): Promise<EtcdMember[]> {
  const members = await listMembers(access);
  return Promise.all(
    members.map(async ({ clientUrls, ...member }) => {
      const [url] = clientUrls;
      const status = url === undefined ? undefined : await dialMember(access, url);
      const healthy = status?.id === member.id && status.leader !== undefined && status.errors.length === 0;
      return { ...member, healthy };
    }),
  );
}

export const memberAt = <M extends Pick<EtcdMember, 'peerUrls'>>(
  members: readonly M[],
  { peerUrl }: Pick<MemberOf, 'peerUrl'>,
): M | undefined => members.find(({ peerUrls }) => peerUrls.includes(peerUrl));

const LOOKS = 3;
const BETWEEN_LOOKS_MS = 1_000;

/**
 * Projects a change onto the members as they are now. One that is only busy is not taken for dead: a refusal counts
 * when it is the same at three looks.
 *
 * @throws {ZonewrightError} `GateFailed` with the reasons
 */
export async function requireProjection(
  access: EtcdAccess,
  action: string,
  changeOf: (members: readonly EtcdMember[]) => MembershipChange | undefined,
  signal: AbortSignal,
): Promise<Projection | undefined> {
  for (let look = 1; ; look++) {
    const members = await examineMembers(access);
    const change = changeOf(members);
    if (change === undefined) return undefined;
    const projection = projectChange(members, change);
    if (projection.allowed) return projection;
    if (look === LOOKS) throw refusal(action, members, projection);
    await sleep(BETWEEN_LOOKS_MS, undefined, { signal });
  }
}

function refusal(
  action: string,
  members: readonly EtcdMember[],
  { reasons, first }: Projection,
): ZonewrightError {
  const named = first.map((id) => {
    const member = members.find((each) => each.id === id);
    return member?.name ? `"${member.name}"` : `${id} at ${member?.peerUrls.join(', ')}`;
  });
  const hint = named.length === 0 ? '' : `; remove first: ${named.join(', then ')}`;
  return new ZonewrightError('GateFailed', `Cannot ${action}: ${reasons.join('; ')}${hint}`, {
    details: { reasons, first },
  });
}

/** Refusals that pass by themselves: a connection that is too young, a learner that is behind, an election. */
const PASSING =
  /unhealthy cluster|not enough started members|in sync with leader|too many learner|already exist|leader changed|no leader|request timed out|not leader/;

export function fromEtcdError(action: string, error: Error): Error {
  if (PASSING.test(error.message))
    return new NotYet(`cannot ${action} yet: ${error.message}`, 1_000, { etcd: error.message });
  if (/UNAVAILABLE|DEADLINE_EXCEEDED|EtcdError|Grpc|GRPC/.test(`${error.name} ${error.message}`))
    return new ZonewrightError('CloudUnavailable', `Cannot ${action}: ${error.message}`, { cause: error });
  return error;
}
