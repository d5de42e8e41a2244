/** Who may do what from Slack. Nobody may do anything but those whom the policy file lists. */
import { existsSync, readFileSync } from 'node:fs';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { InvalidInput } from '../../domain/errors.ts';
import { operations } from '../../domain/operations.ts';
import { parse } from '../../domain/parse.ts';
import { ClientError, EXIT } from '../errors.ts';

const typeNames = Object.keys(operations);
const types = z
  .array(
    z.string().refine((name) => name === '*' || typeNames.includes(name), {
      error: `"*" or a type of operation: ${typeNames.join(', ')}`,
    }),
  )
  .default([]);

const rule = z.strictObject({
  /** Ids, not names: names can be changed by those who bear them. */
  users: z.array(z.string().regex(/^[UW][A-Z0-9]+$/, 'id of a Slack user, e.g. "U012AB3CD"')).default([]),
  groups: z.array(z.string().regex(/^S[A-Z0-9]+$/, 'id of a Slack user group, e.g. "S012AB3CD"')).default([]),
  /** Types of operations that they may start. */
  start: types,
  /** Types of operations whose questions they may answer, and which they may pause, resume and abort. */
  decide: types,
});

export const policySchema = z.strictObject({
  /** Where every operation has its message. */
  channel: z.string().regex(/^[CG][A-Z0-9]+$/, 'id of a Slack channel, e.g. "C012AB3CD"'),
  /** Address of the Temporal UI, for links. */
  temporalUi: z.url('a URL, e.g. "https://temporal.example.com"').exactOptional(),
  /** Folder of the recipes that `image bake` may name. */
  recipes: z.string().min(1).exactOptional(),
  rules: z.array(rule),
});
export type SlackPolicy = z.output<typeof policySchema>;
export type Permission = 'start' | 'decide';

/**
 * @throws {ClientError} when there is no such file
 * @throws {InvalidInput} with path, value and what is expected
 */
export function readPolicy(file: string): SlackPolicy {
  if (!existsSync(file)) {
    throw new ClientError(EXIT.usage, `Cannot read the policy of the Slack bot: there is no "${file}"`);
  }
  try {
    return parse(policySchema, parseYaml(readFileSync(file, 'utf8')), `the Slack policy "${file}"`);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const line = error.linePos?.[0].line ?? 1;
    throw new InvalidInput(`"${file}"`, [{ path: `line ${line}`, value: error.code, expected: 'YAML' }], {
      cause: error,
    });
  }
}

/** True where one of the rules lets this person do it. `groups` are the ids of the groups they are a member of. */
export const mayDo = (
  { rules }: SlackPolicy,
  { user, groups }: { readonly user: string; readonly groups: ReadonlySet<string> },
  permission: Permission,
  type: string,
): boolean =>
  rules.some(
    (one) =>
      (one.users.includes(user) || one.groups.some((group) => groups.has(group))) &&
      (one[permission].includes('*') || one[permission].includes(type)),
  );

/** True where any rule names them: they may look. */
export const isListed = (
  { rules }: SlackPolicy,
  { user, groups }: { readonly user: string; readonly groups: ReadonlySet<string> },
): boolean => rules.some((one) => one.users.includes(user) || one.groups.some((group) => groups.has(group)));
