import { z } from 'zod';

/**
 * A kind of thing that operations make and unmake. `plan` says what it shall be, `ref` what identifies it once it
 * exists. Plans and refs are plain JSON: they travel in histories and manifests, so they never hold a secret.
 */
export interface ResourceKind<K extends string, Plan extends z.ZodType, Ref extends z.ZodType> {
  readonly kind: K;
  /** As people call it, in the singular: "VPC", "route table". */
  readonly noun: string;
  readonly plan: Plan;
  readonly ref: Ref;
  /**
   * How a repeated create is recognised: `token` (AWS takes a client token), `name` (the name is unique where it
   * lives), `tags` (neither: found by tags, created again only after the consistency window has closed).
   */
  readonly identity: 'token' | 'name' | 'tags';
  /** IAM actions that describe, create and delete need, e.g. `ec2:CreateVpc`. */
  readonly actions: readonly string[];
  /** What its creation itself waits for, as a person reads it: "the machine to ask for them". */
  readonly waitsFor?: string;
  /** Seconds to wait before the first look whether it is ready; absent where it is ready at once. */
  readonly readySeconds?: number;
}

export const resource = <K extends string, Plan extends z.ZodType, Ref extends z.ZodType>(
  kind: ResourceKind<K, Plan, Ref>,
): ResourceKind<K, Plan, Ref> => kind;

/** Who made a resource and in which step; written to it as tags, and matched before it is adopted or deleted. */
export const ownerSchema = z.strictObject({
  environment: z.string(),
  /** Absent for what belongs to no zone: images, delegation sets. */
  zone: z.string().optional(),
  role: z.string().optional(),
  operation: z.string(),
  step: z.string(),
  /** How often the step was deliberately made anew. */
  incarnation: z.number().int().min(1),
  name: z.string(),
  version: z.string().optional(),
});
export type Owner = z.infer<typeof ownerSchema>;

export const TAG_PREFIX = 'zonewright:';

/** Tags of a resource. `attempt` tells duplicates of one step apart. */
export function ownerTags(owner: Owner, attempt: number): Record<string, string> {
  const { name, incarnation, ...rest } = owner;
  const tags: Record<string, string> = { Name: name };
  for (const [key, value] of Object.entries(rest)) if (value !== undefined) tags[TAG_PREFIX + key] = value;
  tags[`${TAG_PREFIX}incarnation`] = String(incarnation);
  tags[`${TAG_PREFIX}attempt`] = String(attempt);
  return tags;
}

export const ownsByTags = (owner: Owner, tags: Readonly<Record<string, string>>): boolean =>
  tags[`${TAG_PREFIX}operation`] === owner.operation &&
  tags[`${TAG_PREFIX}step`] === owner.step &&
  tags[`${TAG_PREFIX}incarnation`] === String(owner.incarnation);

export const attemptOf = (tags: Readonly<Record<string, string>>): number =>
  Number(tags[`${TAG_PREFIX}attempt`] ?? 0);
