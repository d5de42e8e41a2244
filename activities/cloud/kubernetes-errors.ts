import type { ApiException } from '@kubernetes/client-node';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';

/** Known by its shape: every worker translates failures, and few need the client library for more than that. */
const isAnswer = (error: unknown): error is ApiException<unknown> =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'number' &&
  'body' in error &&
  'headers' in error;

/** The status of what the API server refused; `undefined` when it is no answer of it. */
export const kubernetesStatus = (error: unknown): number | undefined =>
  isAnswer(error) ? error.code : undefined;

/** Awaits a look-up: `undefined` when the API server knows no such object. */
export async function orNoObject<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (kubernetesStatus(error) === 404) return undefined;
    throw error;
  }
}

/** Our failure for what the API server answered; `undefined` when it is no answer of it. */
export function fromKubernetesError(action: string, error: unknown): ZonewrightError | undefined {
  if (!isAnswer(error)) return undefined;
  const status = error.code;
  const { reason, message } = statusBody(error.body);
  const text = `Cannot ${action}: ${status} ${reason}: ${message}`;
  const details = { status, reason };
  // Somebody wrote in between: the next attempt reads again.
  if (status === 409) return new NotYet(text, 500, details);
  // Rights of a new zone's operators are bound a moment after its API server answers.
  if (status === 403) return new NotYet(text, 1_000, details);
  if (status === 429 || status >= 500)
    return new ZonewrightError('CloudUnavailable', text, { details, cause: error });
  return new ZonewrightError('CloudRefused', text, { details, cause: error });
}

/** The body of a refusal is a `Status` as JSON text. */
function statusBody(body: unknown): { reason: string; message: string } {
  try {
    const { reason = 'Unknown', message = '' } = JSON.parse(String(body)) as Record<string, string>;
    return { reason, message };
  } catch {
    return { reason: 'Unknown', message: String(body).slice(0, 500) };
  }
}

/** Details of a refusal, e.g. which budget refused an eviction. */
export function refusalCauses(
  error: unknown,
): readonly { readonly reason: string; readonly message: string }[] {
  if (!isAnswer(error)) return [];
  try {
    const status = JSON.parse(String(error.body)) as {
      details?: { causes?: readonly { reason?: string; message?: string }[] };
    };
    return (status.details?.causes ?? []).map(({ reason = '', message = '' }) => ({ reason, message }));
  } catch {
    return [];
  }
}
