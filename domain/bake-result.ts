import { z } from 'zod';

/** What a builder leaves before it powers off. Written by the machine: evidence, to be parsed like any input. */
export const bakeResultSchema = z.object({
  ok: z.boolean(),
  error: z.string().optional(),
  /** End of the log of a bake that failed. */
  lastLines: z.array(z.string()).optional(),
  seconds: z.number(),
});
export type BakeResult = z.infer<typeof bakeResultSchema>;

/** What the machine of a boot test leaves; `checks` is absent when it could not even begin. */
export const bootTestResultSchema = bakeResultSchema.extend({
  checks: z
    .array(z.object({ check: z.string(), ok: z.boolean(), problem: z.string().optional() }))
    .optional(),
});
export type BootTestResult = z.infer<typeof bootTestResultSchema>;
