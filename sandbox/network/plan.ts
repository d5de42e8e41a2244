/** What a sandbox's network comes down to on the computer: namespaces, links between them, and what each holds. */

/** One `ip` command and the one that takes it back; a step without the latter goes with its link. */
export interface Step {
  readonly add: string;
  readonly remove?: string;
}

export interface NamespacePlan {
  readonly name: string;
  /** Files below /proc/sys/net and their values, set once, before the namespace has links (which inherit them). */
  readonly settings: Readonly<Record<string, string>>;
  /** Text for `nft -f`, replaced as a whole in one transaction. */
  readonly ruleset: string;
  /** In the order in which they work. */
  readonly steps: readonly Step[];
}

/** A pair of virtual Ethernet devices. An end without a namespace lies on the computer itself. */
export interface LinkPlan {
  readonly ends: readonly [LinkEnd, LinkEnd];
}

export interface LinkEnd {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly macAddress?: string;
}

export interface NetworkPlan {
  readonly namespaces: readonly NamespacePlan[];
  readonly links: readonly LinkPlan[];
}

/** The group of every link the sandbox makes, by which a namespace's links are removed together. */
export const LINK_GROUP = 198;

/** The name of every nftables table the sandbox makes, inside its own namespaces. */
export const TABLE = 'zonewright';

/** A ruleset that replaces the table as a whole. Chains have policy accept and end in `drop`, so that no packet is lost between two versions. */
export function replaceTable(body: string): string {
  return `table ip ${TABLE}\ndelete table ip ${TABLE}\ntable ip ${TABLE} {\n${body}}\n`;
}

/** Declaration of a named set or map; nft accepts no empty list of elements. */
export function declareSet(
  kind: 'set' | 'map',
  name: string,
  type: string,
  elements: readonly string[],
): string {
  const list = elements.length === 0 ? '' : ` elements = { ${elements.join(', ')} };`;
  return `  ${kind} ${name} { type ${type};${list} }\n`;
}

/** A chain with its hook (base chains) or without (those that others jump to). */
export function declareChain(name: string, hook: string | undefined, rules: readonly string[]): string {
  const head = hook === undefined ? [] : [`type ${hook}; policy accept;`];
  return `  chain ${name} {\n${[...head, ...rules].map((rule) => `    ${rule}\n`).join('')}  }\n`;
}
