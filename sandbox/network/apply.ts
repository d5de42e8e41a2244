/** Makes the computer equal to a plan, by what differs from the plan before it. */
import { run, runInside } from './commands.ts';
import { namespacePath } from './names.ts';
import { LINK_GROUP } from './plan.ts';
import type { LinkEnd, LinkPlan, NamespacePlan, NetworkPlan, Step } from './plan.ts';

export const NOTHING: NetworkPlan = { namespaces: [], links: [] };

/**
 * Carries out the difference: what is new is made first, then namespaces are filled, then what is gone is removed.
 * When a command fails, what was done is taken back before the error is thrown, so that `before` still holds.
 */
export async function applyDifference(before: NetworkPlan, after: NetworkPlan): Promise<void> {
  try {
    await carryOut(before, after, false);
  } catch (error) {
    // How far it came is not known, so that each command may find its work undone or done.
    await carryOut(after, before, true);
    throw error;
  }
}

async function carryOut(before: NetworkPlan, after: NetworkPlan, lenient: boolean): Promise<void> {
  const known = new Map(before.namespaces.map((each) => [each.name, each]));
  const wanted = new Set(after.namespaces.map((each) => each.name));
  const links = { before: new Set(before.links.map(linkKey)), after: new Set(after.links.map(linkKey)) };
  await create(
    after.namespaces.filter((each) => !known.has(each.name)),
    after.links.filter((link) => !links.before.has(linkKey(link))),
    lenient,
  );
  await settled(after.namespaces.map((each) => fill(known.get(each.name), each, lenient)));
  await remove(
    before.namespaces.filter((each) => !wanted.has(each.name)),
    before.links.filter((link) => !links.after.has(linkKey(link))),
    lenient,
  );
}

/** As `Promise.all`, but does not leave the others running when one fails. */
async function settled(tasks: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected') throw result.reason;
}

async function create(
  namespaces: readonly NamespacePlan[],
  links: readonly LinkPlan[],
  lenient: boolean,
): Promise<void> {
  if (namespaces.length + links.length === 0) return;
  const script = [
    ...namespaces.flatMap((each) => [`ip netns add ${each.name}`, configure(each)]),
    ipBatch(lenient),
    ...links.map(
      (link) => `link add ${device(link.ends[0])} group ${LINK_GROUP} type veth peer ${device(link.ends[1])}`,
    ),
    'END',
  ];
  await run('sh', shell(lenient), { input: script.join('\n'), lenient });
}

const shell = (lenient: boolean): readonly string[] => (lenient ? ['-s'] : ['-es']);
const ipBatch = (lenient: boolean): string => `ip ${lenient ? '-force ' : ''}-batch - <<'END'`;

function configure({ name, settings }: NamespacePlan): string {
  const writes = Object.entries(settings).map(
    ([file, value]) => `[ ! -e ${file} ] || echo ${value} >${file}`,
  );
  return `nsenter --net=${namespacePath(name)} sh -ec 'cd /proc/sys/net; ${writes.join('; ')}'`;
}

const device = ({ namespace, name, macAddress }: LinkEnd): string =>
  [`name ${name}`, macAddress && `address ${macAddress}`, namespace && `netns ${namespace}`]
    .filter(Boolean)
    .join(' ');

async function fill(
  before: NamespacePlan | undefined,
  after: NamespacePlan,
  lenient: boolean,
): Promise<void> {
  const commands = difference(before?.steps ?? [], after.steps);
  const rules = before?.ruleset === after.ruleset ? '' : after.ruleset;
  if (commands.length + rules.length === 0) return;
  const script = [
    ...(rules === '' ? [] : [`nft -f - <<'END'\n${rules}END`]),
    ...(commands.length === 0 ? [] : [`${ipBatch(lenient)}\n${commands.join('\n')}\nEND`]),
  ];
  await runInside(after.name, 'sh', shell(lenient), { input: script.join('\n'), lenient });
}

/** Commands from one list of steps to another: what is gone in reverse order, then what is new in order. */
export function difference(before: readonly Step[], after: readonly Step[]): readonly string[] {
  const had = new Set(before.map((step) => step.add));
  const has = new Set(after.map((step) => step.add));
  // `replace` puts the new in the place of the old in one go; removing the old first would open a gap.
  const replaced = new Set(after.map((step) => step.remove));
  const gone = before.filter(
    (step) => !has.has(step.add) && step.remove !== undefined && !replaced.has(step.remove),
  );
  return [
    ...gone.toReversed().map((step) => step.remove ?? ''),
    ...after.filter((step) => !had.has(step.add)).map((step) => step.add),
  ];
}

async function remove(
  namespaces: readonly NamespacePlan[],
  links: readonly LinkPlan[],
  lenient: boolean,
): Promise<void> {
  if (namespaces.length + links.length === 0) return;
  const script = [
    ...links.map(
      ({ ends: [end] }) =>
        `ip ${end.namespace === undefined ? '' : `-n ${end.namespace} `}link del ${end.name}`,
    ),
    ...namespaces.map((each) => `ip netns del ${each.name}`),
  ];
  await run('sh', shell(lenient), { input: script.join('\n'), lenient });
}

const linkKey = (link: LinkPlan): string => link.ends.map(device).join(' = ');
