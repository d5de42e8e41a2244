/**
 * Evaluates IAM policies as
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html says for identity-based
 * policies of one account: an explicit deny wins, else an allow, else deny.
 */
import ipaddr from 'ipaddr.js';

export interface PolicyDocument {
  readonly Statement: PolicyStatement | readonly PolicyStatement[];
}

type OneOrMany<T> = T | readonly T[];

export interface PolicyStatement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: OneOrMany<string>;
  readonly NotAction?: OneOrMany<string>;
  readonly Resource?: OneOrMany<string>;
  readonly NotResource?: OneOrMany<string>;
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, OneOrMany<string | boolean | number>>>>
  >;
}

export interface AccessRequest {
  /** `s3:PutObject`. */
  readonly action: string;
  readonly resource: string;
  /** Condition keys and policy variables; looked up without regard to case. */
  readonly context: Readonly<Record<string, string | readonly string[]>>;
}

export type Verdict = 'allowed' | 'denied' | 'not allowed';

export function evaluate(policies: readonly PolicyDocument[], request: AccessRequest): Verdict {
  const statements = policies.flatMap((policy) => many(policy.Statement));
  const matching = statements.filter((statement) => matches(statement, request));
  if (matching.some((statement) => statement.Effect === 'Deny')) return 'denied';
  return matching.some((statement) => statement.Effect === 'Allow') ? 'allowed' : 'not allowed';
}

function matches(statement: PolicyStatement, request: AccessRequest): boolean {
  const { Action, NotAction, Resource, NotResource, Condition } = statement;
  const isAction = (pattern: string): boolean => like(pattern.toLowerCase(), request.action.toLowerCase());
  const isResource = (pattern: string): boolean => {
    const literal = substitute(pattern, request.context);
    return literal !== undefined && like(literal, request.resource);
  };
  if (Action !== undefined ? !many(Action).some(isAction) : many(NotAction ?? '*').some(isAction))
    return false;
  if (Resource !== undefined ? !many(Resource).some(isResource) : many(NotResource ?? '*').some(isResource)) {
    return false;
  }
  return Object.entries(Condition ?? {}).every(([operator, block]) =>
    Object.entries(block).every(([key, expected]) =>
      conditionHolds(operator, key, many(expected).map(String), request),
    ),
  );
}

function conditionHolds(
  operator: string,
  key: string,
  raw: readonly string[],
  request: AccessRequest,
): boolean {
  const expected = raw.map((each) => substitute(each, request.context)).filter((each) => each !== undefined);
  const actual = lookUp(request.context, key);
  if (operator === 'Null') return raw.includes('true') === (actual === undefined);
  const set = /^(ForAnyValue|ForAllValues):(.+)$/.exec(operator);
  const optional = operator.endsWith('IfExists');
  const name = (set?.[2] ?? operator).replace(/IfExists$/, '');
  const negated = /^(StringNot|ArnNot|NumericNot|DateNot|NotIp)/.test(name);
  if (actual === undefined) return optional || set?.[1] === 'ForAllValues' || negated;
  const compare = OPERATORS[name.replace('NotIpAddress', 'IpAddress').replace('Not', '')];
  if (compare === undefined) return false;
  const holds = (value: string): boolean => expected.some((each) => compare(each, value)) !== negated;
  return set?.[1] === 'ForAllValues' ? many(actual).every(holds) : many(actual).some(holds);
}

type Compare = (expected: string, actual: string) => boolean;

/** Negated operators (`StringNotEquals`) are their counterparts turned round. An unknown one never holds. */
const OPERATORS: Readonly<Record<string, Compare>> = {
  StringEquals: (expected, actual) => unescaped(expected) === actual,
  StringEqualsIgnoreCase: (expected, actual) => unescaped(expected).toLowerCase() === actual.toLowerCase(),
  StringLike: (expected, actual) => like(expected, actual),
  ArnEquals: (expected, actual) => like(expected, actual),
  ArnLike: (expected, actual) => like(expected, actual),
  Bool: (expected, actual) => expected.toLowerCase() === actual.toLowerCase(),
  NumericEquals: (expected, actual) => Number(actual) === Number(expected),
  NumericLessThan: (expected, actual) => Number(actual) < Number(expected),
  NumericLessThanEquals: (expected, actual) => Number(actual) <= Number(expected),
  NumericGreaterThan: (expected, actual) => Number(actual) > Number(expected),
  NumericGreaterThanEquals: (expected, actual) => Number(actual) >= Number(expected),
  DateLessThan: (expected, actual) => Date.parse(actual) < Date.parse(expected),
  DateGreaterThan: (expected, actual) => Date.parse(actual) > Date.parse(expected),
  IpAddress: (expected, actual) => inRange(expected, actual),
};

function inRange(range: string, address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (!range.includes('/')) return range === address;
  const [network, bits] = ipaddr.parseCIDR(range);
  return network.kind() === parsed.kind() && parsed.match(network, bits);
}

/** Stands for a substituted character that would otherwise be a wildcard. */
const LITERAL = { '*': '\u0001', '?': '\u0002' } as const;
const unescaped = (text: string): string => text.replaceAll(LITERAL['*'], '*').replaceAll(LITERAL['?'], '?');

/**
 * Puts policy variables in; what they hold is no pattern. A variable without a value matches nothing.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */
function substitute(text: string, context: AccessRequest['context']): string | undefined {
  let known = true;
  const replaced = text.replaceAll(/\$\{([^}]+)\}/g, (_, name: string) => {
    if (name in LITERAL) return LITERAL[name as '*'];
    const [key = '', fallback] = name.split(/\s*,\s*/);
    const value = lookUp(context, key.trim()) ?? fallback?.replaceAll("'", '');
    if (typeof value !== 'string') known = false;
    return String(value).replaceAll('*', LITERAL['*']).replaceAll('?', LITERAL['?']);
  });
  return known ? replaced : undefined;
}

function lookUp(context: AccessRequest['context'], key: string): string | readonly string[] | undefined {
  const name = Object.keys(context).find((each) => each.toLowerCase() === key.toLowerCase());
  return name === undefined ? undefined : context[name];
}

/** `*` is any text, `?` any character. */
function like(pattern: string, value: string): boolean {
  const source = pattern
    .replaceAll(/[\\^$+.()|[\]{}]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${unescapedForMatch(source)}$`, 's').test(value);
}

const unescapedForMatch = (source: string): string =>
  source.replaceAll(LITERAL['*'], String.raw`\*`).replaceAll(LITERAL['?'], String.raw`\?`);

const many = <T>(value: OneOrMany<T>): readonly T[] => (Array.isArray(value) ? value : [value as T]);
