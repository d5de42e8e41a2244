/** One request to AWS as rules see it, and the answer to it. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Identity } from './identity.ts';
import type { XmlDocument, XmlObject } from './xml.ts';

export interface Call {
  readonly id: string;
  /** Signing name: `ec2`, `iam`, `sts`, `route53`, `s3`, `kms` … */
  readonly service: string;
  readonly action: string;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Parameters of the query protocol; rules may change them before the call goes on. */
  readonly params: URLSearchParams;
  readonly identity: Identity;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Of an XML answer; rules may edit it. */
  readonly document?: XmlDocument;
  /** Of any other answer. */
  readonly body?: Buffer;
}

/** An answer that refuses. Thrown by rules and rendered as the service's protocol does. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = status;
  }
}

export type Next = (call: Call) => Promise<Answer>;

/**
 * Something AWS does and the emulator does not. It acts around the call: before `next` it may refuse, rewrite
 * or answer itself; after it, it may rewrite the answer and note the effect.
 */
export interface Rule {
  readonly name: string;
  /** `ec2:RunInstances`; a trailing `*` stands for anything. */
  readonly actions: readonly string[];
  apply(call: Call, next: Next): Promise<Answer>;
}

export function applies(rule: Rule, call: Call): boolean {
  const name = `${call.service}:${call.action}`;
  return rule.actions.some((each) =>
    each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : each === name,
  );
}

/** Reads look at things and never change them. */
export const isRead = (action: string): boolean => /^(Describe|Get|List|Head|Search|Lookup)/.test(action);

/** Values of `Name.1`, `Name.2` … in order. */
export function listOf(params: URLSearchParams, name: string): string[] {
  const values: Array<[number, string]> = [];
  for (const [key, value] of params) {
    const index = key.startsWith(`${name}.`) ? key.slice(name.length + 1) : '';
    if (/^\d+$/.test(index)) values.push([Number(index), value]);
  }
  return values.sort(([a], [b]) => a - b).map(([, value]) => value);
}

/** Structures `Name.1.Key`, `Name.1.Other.Key` … in order, keyed by what follows the number. */
export function structuresOf(params: URLSearchParams, name: string): Array<Map<string, string>> {
  const found = new Map<number, Map<string, string>>();
  for (const [key, value] of params) {
    const match = key.startsWith(`${name}.`) ? /^(\d+)\.(.+)$/.exec(key.slice(name.length + 1)) : null;
    if (match === null) continue;
    const index = Number(match[1]);
    const structure = found.get(index) ?? new Map<string, string>();
    structure.set(match[2]!, value);
    found.set(index, structure);
  }
  return [...found].sort(([a], [b]) => a - b).map(([, structure]) => structure);
}

export interface Filter {
  readonly name: string;
  readonly values: readonly string[];
}

export function filtersOf(params: URLSearchParams): Filter[] {
  return structuresOf(params, 'Filter').map((filter) => ({
    name: filter.get('Name') ?? '',
    values: [...filter].filter(([key]) => key.startsWith('Value.')).map(([, value]) => value),
  }));
}

/** Takes every parameter of this name (`Name`, `Name.1`, `Name.1.Key` …) away. */
export function deleteParams(params: URLSearchParams, name: string): void {
  for (const key of [...params.keys()]) if (key === name || key.startsWith(`${name}.`)) params.delete(key);
}

export function setFilters(params: URLSearchParams, filters: readonly Filter[]): void {
  deleteParams(params, 'Filter');
  filters.forEach((filter, i) => {
    params.set(`Filter.${i + 1}.Name`, filter.name);
    filter.values.forEach((value, j) => params.set(`Filter.${i + 1}.Value.${j + 1}`, value));
  });
}

/** Tags of the `TagSpecification` for this type of resource. */
export function tagSpecification(params: URLSearchParams, resourceType: string): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const specification of structuresOf(params, 'TagSpecification')) {
    if (specification.get('ResourceType') !== resourceType) continue;
    for (let i = 1; specification.has(`Tag.${i}.Key`); i++) {
      tags[specification.get(`Tag.${i}.Key`)!] = specification.get(`Tag.${i}.Value`) ?? '';
    }
  }
  return tags;
}

const EC2_NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/';

/** A successful answer of EC2's own form. */
export function ec2Answer(call: Call, fields: XmlObject): Answer {
  const document = {
    name: `${call.action}Response`,
    fields: { '@xmlns': EC2_NAMESPACE, requestId: call.id, ...fields },
  };
  return { status: 200, headers: {}, document };
}

export const succeeded = (answer: Answer): boolean => answer.status < 300;

/** EC2 patterns: `*` is any text, `?` any character. */
export function matchesPattern(pattern: string, value: string): boolean {
  const source = pattern
    .replaceAll(/[\\^$+.()|[\]{}]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(value);
}
