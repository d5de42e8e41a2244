import { z } from 'zod';
import { contains, formatCidr, parseCidr, type Cidr } from '../network/cidr.ts';

/** Fields of a zone's specification whose rules are worth a name. Each says in its own words what it expects. */
export const text = (pattern: RegExp, expected: string) =>
  z.string({ error: expected }).regex(pattern, expected);

export const wholeNumber = (from: number, to: number) => {
  const error = `a whole number from ${from} to ${to}`;
  return z.number({ error }).int({ error }).min(from, { error }).max(to, { error });
};

/** What the schema knows and does not do yet: leaving it out or switching it off is fine. */
export const notYet = (what: string) =>
  z
    .unknown()
    .refine((value) => value === undefined || value === false, {
      error: `nothing or false: ${what} not supported yet`,
    })
    .optional()
    .meta({ description: `Not supported yet: ${what.replace(/ (is|are)$/, '')}.` });

/** A count of which only one value is supported so far. */
export const countOfOne = (what: string) =>
  z
    .number({ error: 'a whole number' })
    .int('a whole number')
    .refine((count) => count === 1, { error: `1 (supported: 1; more ${what} are not supported yet)` })
    .default(1);

// RFC 1123; at most 48 characters, since IAM gives role names 64 and ours are `zoneNN.<domain>-<role>`.
export const domainName = z
  .string({ error: 'a domain, e.g. "prod.example.com"' })
  .regex(
    /^(?=.{4,48}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/,
    'a domain in lower case of at most 48 characters, e.g. "prod.example.com"',
  );

export const instanceType = text(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, 'an instance type, e.g. "m6i.large"');

// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
const LABEL_KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
const RESERVED = /^([a-z0-9.-]+\.)?(kubernetes\.io|k8s\.io|zonewright\.dev)\//;

export const labels = z
  .record(
    text(LABEL_KEY, 'one of a Kubernetes label, e.g. "example.com/team"').refine(
      (key) => !RESERVED.test(key),
      { error: 'outside kubernetes.io, k8s.io and zonewright.dev, which are set by zonewright' },
    ),
    text(LABEL_VALUE, 'the value of a Kubernetes label: at most 63 letters, digits, "-", "_", "."'),
  )
  .default({});

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'].map(parseCidr);

/** A range of private addresses that begins where its prefix says, between `shortest` and `longest` bits. */
export const privateRange = (shortest: number, longest: number, example: string) =>
  range(`an IPv4 range from /${shortest} to /${longest}, e.g. "${example}"`, (cidr, expected) => {
    if (cidr.prefix < shortest || cidr.prefix > longest) return expected;
    if (PRIVATE.some((space) => contains(space, cidr))) return undefined;
    return `a range of private addresses: within ${PRIVATE.map(formatCidr).join(', ')}`;
  });

/** A range that rules let in. */
export const anyRange = range('an IPv4 range, e.g. "192.0.2.0/24"', () => undefined);

/** @param problem what is expected instead of a range that can be read but not used */
function range(expected: string, problem: (cidr: Cidr, expected: string) => string | undefined) {
  return z.string({ error: expected }).superRefine((value, context) => {
    const message = unreadable(value, expected) ?? problem(parseCidr(value), expected);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
}

function unreadable(value: string, expected: string): string | undefined {
  try {
    parseCidr(value);
    return undefined;
  } catch (error) {
    // The usual slip: an address of the range in place of its first one.
    const begins = /begins at "(.+)"/.exec(error instanceof Error ? error.message : '')?.[1];
    return begins === undefined ? expected : `"${begins}", where a range of that size begins`;
  }
}
