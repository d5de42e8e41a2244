/**
 * Security groups as nftables chains: a group has a chain per direction, an interface a chain per direction that
 * visits its groups' chains and drops what none of them lets through. A new connection passes the sender's groups
 * (`goto admit`) and then the receiver's; replies pass because the router tracks connections.
 */
import type { InterfaceModel, SecurityGroupModel, SecurityRuleModel } from './model.ts';
import { interfaceLink } from './names.ts';
import { declareChain, declareSet } from './plan.ts';

/** Chain that a packet goes to once the sender's groups let it leave. */
export const ADMIT = 'admit';

type Direction = 'in' | 'out';

const groupChain = (direction: Direction, id: string): string => `${direction}-${id}`;
const interfaceChain = (direction: Direction, id: string): string => `${direction}-${id}`;
const membersSet = (id: string): string => `members-${id}`;

/** Sets and chains of all groups, and those of the interfaces that use them. */
export function renderSecurityGroups(
  groups: readonly SecurityGroupModel[],
  interfaces: readonly InterfaceModel[],
): string {
  const known = new Set(groups.map((group) => group.id));
  const members = groups.map((group) => renderMembers(group.id, interfaces));
  const inward = groups.map((group) => renderGroup('in', group, known));
  const outward = groups.map((group) => renderGroup('out', group, known));
  const chains = interfaces.flatMap((card) => [
    renderInterface('in', card, known),
    renderInterface('out', card, known),
  ]);
  // nft wants a chain declared before another refers to it; `admit` needs the inward ones, the outward ones need `admit`.
  return [
    ...members,
    ...inward,
    ...chains.filter((_, i) => i % 2 === 0),
    renderAdmit(interfaces),
    ...outward,
    ...chains.filter((_, i) => i % 2 === 1),
  ].join('');
}

/** The verdict map that sends a packet to the chain of the interface it comes from or goes to. */
export function interfaceVerdicts(
  direction: Direction,
  interfaces: readonly InterfaceModel[],
): readonly string[] {
  if (interfaces.length === 0) return [];
  const verdicts = interfaces.map(
    (card) => `"${interfaceLink(card.id)}" : goto ${interfaceChain(direction, card.id)}`,
  );
  return [`${direction === 'out' ? 'iifname' : 'oifname'} vmap { ${verdicts.join(', ')} }`];
}

function renderMembers(groupId: string, interfaces: readonly InterfaceModel[]): string {
  const addresses = interfaces
    .filter((card) => card.securityGroupIds.includes(groupId))
    .map((card) => card.privateIp);
  return declareSet('set', membersSet(groupId), 'ipv4_addr', addresses);
}

function renderGroup(direction: Direction, group: SecurityGroupModel, known: ReadonlySet<string>): string {
  const verdict = direction === 'in' ? 'accept' : `goto ${ADMIT}`;
  const rules = direction === 'in' ? group.ingress : group.egress;
  return declareChain(
    groupChain(direction, group.id),
    undefined,
    rules.flatMap((rule) => renderRule(direction, rule, known).map((match) => [...match, verdict].join(' '))),
  );
}

function renderInterface(direction: Direction, card: InterfaceModel, known: ReadonlySet<string>): string {
  const jumps = card.securityGroupIds
    .filter((id) => known.has(id))
    .map((id) => `jump ${groupChain(direction, id)}`);
  return declareChain(interfaceChain(direction, card.id), undefined, [...jumps, 'drop']);
}

function renderAdmit(interfaces: readonly InterfaceModel[]): string {
  // What goes to no interface of the VPC leaves it; which source may is decided before.
  return declareChain(ADMIT, undefined, [...interfaceVerdicts('in', interfaces), 'accept']);
}

/** The matches of a rule: none when it names a group that is gone, one otherwise. */
function renderRule(
  direction: Direction,
  rule: SecurityRuleModel,
  known: ReadonlySet<string>,
): readonly string[][] {
  const address = direction === 'in' ? 'ip saddr' : 'ip daddr';
  if ('securityGroupId' in rule.peer) {
    if (!known.has(rule.peer.securityGroupId)) return [];
    return [[`${address} @${membersSet(rule.peer.securityGroupId)}`, ...renderProtocol(rule)]];
  }
  // nft takes a prefix of length 0 for a syntax of its own; every address needs no match.
  const peer = rule.peer.cidr.endsWith('/0') ? [] : [`${address} ${rule.peer.cidr}`];
  return [[...peer, ...renderProtocol(rule)]];
}

function renderProtocol(rule: SecurityRuleModel): readonly string[] {
  const { protocol, fromPort = -1, toPort = -1 } = rule;
  if (protocol === '-1') return [];
  if (protocol === 'icmp') {
    // For ICMP the ports hold type and code, -1 meaning any.
    if (fromPort < 0) return ['meta l4proto icmp'];
    return [`icmp type ${fromPort}`, ...(toPort < 0 ? [] : [`icmp code ${toPort}`])];
  }
  if (fromPort < 0) return [`meta l4proto ${protocol}`];
  return [`${protocol} dport ${fromPort === toPort ? fromPort : `${fromPort}-${toPort}`}`];
}
