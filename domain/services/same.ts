import { canonicalJson } from '../hash.ts';

/** Equal as JSON, in whatever order their keys are. */
export const isSame = (a: unknown, b: unknown): boolean =>
  a === undefined || b === undefined ? a === b : canonicalJson(a) === canonicalJson(b);
