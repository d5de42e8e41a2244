/** One member of an etcd cluster, as its own member list says; whether it is healthy is known by dialling it. */
export interface EtcdMember {
  /** As etcd's clients print it in decimal. */
  readonly id: string;
  /** Empty until the member has started for the first time. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** A learner receives everything and does not vote. */
  readonly isLearner: boolean;
  /** True once it has started for the first time. */
  readonly started: boolean;
  /** True when it answers itself, knows a leader and has no error. */
  readonly healthy: boolean;
}

export type MembershipChange =
  | { readonly change: 'remove'; readonly id: string }
  | { readonly change: 'add-learner'; readonly name: string; readonly peerUrl: string }
  | { readonly change: 'promote'; readonly id: string };

/** The voters at one moment. */
export interface Quorum {
  readonly voters: number;
  readonly healthy: number;
  /** How many voters must agree. */
  readonly needed: number;
  readonly kept: boolean;
  /** How many more healthy voters may be lost before nothing can be written. */
  readonly tolerates: number;
}

export interface Projection {
  readonly allowed: boolean;
  /** Why it is refused, in words; empty when it is allowed. */
  readonly reasons: readonly string[];
  readonly before: Quorum;
  /**
   * While the change is under way, at its worst: the member that leaves is silent already, or the one that has just
   * become a voter does not answer yet. Where it is not kept, that member must run until the change is done.
   */
  readonly during: Quorum;
  readonly after: Quorum;
  /** Members that must go before the change can be made, in this order: ids. */
  readonly first: readonly string[];
}

/** What etcd's own documentation calls the reasonable most; more voters only make writing slower. */
export const MOST_VOTERS = 7;

/** Projects a change onto the real member list: nothing is asked, nothing is changed. */
export function projectChange(members: readonly EtcdMember[], change: MembershipChange): Projection {
  const projected = project(members, change);
  const allowed = projected.reasons.length === 0;
  return { ...projected, allowed, first: allowed ? [] : obstacles(members, change) };
}

function project(members: readonly EtcdMember[], change: MembershipChange) {
  const { refusals, during, after } = PROJECTIONS[change.change](members, change as never);
  const before = quorumOf(votersOf(members));
  const reasons = [...(before.kept ? [] : [`quorum is lost: ${spoken(before)}`]), ...refusals];
  return { reasons, before, during, after };
}

interface Parts {
  readonly refusals: readonly string[];
  readonly during: Quorum;
  readonly after: Quorum;
}

type ChangeOf<C extends MembershipChange['change']> = Extract<MembershipChange, { change: C }>;

const PROJECTIONS: {
  readonly [C in MembershipChange['change']]: (members: readonly EtcdMember[], change: ChangeOf<C>) => Parts;
} = { remove: projectRemoval, 'add-learner': projectLearner, promote: projectPromotion };

function projectRemoval(members: readonly EtcdMember[], { id }: ChangeOf<'remove'>): Parts {
  const leaving = members.find((member) => member.id === id);
  const voters = votersOf(members);
  const now = quorumOf(voters);
  if (!leaving) return { refusals: [`there is no member ${id}`], during: now, after: now };
  if (leaving.isLearner) return { refusals: [], during: now, after: now };
  const rest = voters.filter((member) => member.id !== id);
  const during = quorumOf(
    voters.map((member) => (member.id === id ? { ...member, healthy: false } : member)),
  );
  const after = quorumOf(rest);
  if (rest.length === 0)
    return { refusals: [`${called(leaving)} is the only voter: its data would be lost`], during, after };
  const refusals = after.kept
    ? []
    : [`without ${called(leaving)} quorum would be lost: ${spoken(after)}${blame(rest)}`];
  return { refusals, during, after };
}

function projectLearner(members: readonly EtcdMember[], { name, peerUrl }: ChangeOf<'add-learner'>): Parts {
  const voters = votersOf(members);
  const now = quorumOf(voters);
  const at = members.find(({ peerUrls }) => peerUrls.includes(peerUrl));
  const named = members.find((member) => member.name === name);
  const refusals = [
    ...(at ? [`${called(at)} has the address ${peerUrl} already`] : []),
    ...(named && named !== at
      ? [`there is a member "${name}" already, at ${named.peerUrls.join(', ')}`]
      : []),
    ...(voters.length >= MOST_VOTERS
      ? [`there are ${voters.length} voters already, the most there may be`]
      : []),
    ...unfinished(members.filter((member) => member !== at)),
    // etcd takes nobody in while it misses somebody: the new one would be one more that it waits for.
    ...voters
      .filter((member) => member.started && !member.healthy)
      .map((member) => `${called(member)} is not healthy`),
  ];
  return { refusals, during: now, after: now };
}

function projectPromotion(members: readonly EtcdMember[], { id }: ChangeOf<'promote'>): Parts {
  const learner = members.find((member) => member.id === id);
  const voters = votersOf(members);
  const now = quorumOf(voters);
  if (!learner) return { refusals: [`there is no member ${id}`], during: now, after: now };
  if (!learner.isLearner) return { refusals: [`${called(learner)} votes already`], during: now, after: now };
  const during = quorumOf([...voters, { ...learner, healthy: false }]);
  const after = quorumOf([...voters, learner]);
  const refusals = [
    ...(learner.started ? [] : [`${called(learner)} has not started`]),
    ...(learner.started && !learner.healthy ? [`${called(learner)} is not healthy`] : []),
    ...(voters.length >= MOST_VOTERS
      ? [`there are ${voters.length} voters already, the most there may be`]
      : []),
    ...(after.kept ? [] : [`with ${called(learner)} quorum would be lost: ${spoken(after)}`]),
  ];
  return { refusals, during, after };
}

/** Members that an earlier change left half way; one at a time, as etcd itself allows one learner. */
const unfinished = (members: readonly EtcdMember[]): string[] =>
  members.flatMap((member) => {
    if (!member.started) return [`${called(member)} has not started`];
    return member.isLearner ? [`${called(member)} is a learner still`] : [];
  });

/** Whose own removal is possible and is in the way of this change: what never started first, then what does not answer. */
function obstacles(members: readonly EtcdMember[], change: MembershipChange): string[] {
  const wanted = 'id' in change ? change.id : undefined;
  const rank = ({ started, isLearner }: EtcdMember): number => (started ? (isLearner ? 1 : 2) : 0);
  return members
    .filter(({ id, started, healthy, isLearner }) => {
      const inTheWay = !started || !healthy || (isLearner && change.change === 'add-learner');
      return id !== wanted && inTheWay && project(members, { change: 'remove', id }).reasons.length === 0;
    })
    .toSorted((a, b) => rank(a) - rank(b))
    .map(({ id }) => id);
}

const votersOf = (members: readonly EtcdMember[]): EtcdMember[] =>
  members.filter(({ isLearner }) => !isLearner);

export function quorumOf(voters: readonly Pick<EtcdMember, 'started' | 'healthy'>[]): Quorum {
  const healthy = voters.filter((member) => member.started && member.healthy).length;
  const needed = Math.floor(voters.length / 2) + 1;
  return {
    voters: voters.length,
    healthy,
    needed,
    kept: healthy >= needed,
    tolerates: Math.max(0, healthy - needed),
  };
}

const spoken = ({ voters, healthy, needed }: Quorum): string =>
  `${healthy} of ${voters} voters healthy, ${needed} needed`;

const blame = (voters: readonly EtcdMember[]): string => {
  const bad = voters.filter((member) => !member.started || !member.healthy);
  return bad.length === 0
    ? ''
    : ` (${bad.map((member) => called(member)).join(', ')} ${bad.length > 1 ? 'are' : 'is'} not)`;
};

/** A member that has never started has no name, so it is known by its address. */
const called = ({ id, name, peerUrls }: EtcdMember): string =>
  name === '' ? `the member ${id} at ${peerUrls.join(', ')}` : `member "${name}"`;
