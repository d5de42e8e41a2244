/** Records of operations in the zone store: they outlive the histories that Temporal forgets. */
import { z } from 'zod';
import type { StepView } from '../domain/explain.ts';
import type { AwsClients } from './aws.ts';
import { listObjects, readDocument } from './zone-store.ts';

export interface OperationRecord {
  /** Workflow id and the last eight characters of its first run's id. */
  readonly operation: string;
  readonly workflowId: string;
  readonly type: string;
  readonly input: { readonly actor?: string | undefined; readonly zone?: string | undefined };
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  readonly outcome?: string | undefined;
  readonly error?: string | undefined;
  readonly steps: readonly StepView[];
}

const recordSchema = z.looseObject({
  operation: z.string(),
  workflowId: z.string(),
  type: z.string(),
  input: z.looseObject({ actor: z.string().optional(), zone: z.string().optional() }),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  outcome: z.string().optional(),
  error: z.string().optional(),
  steps: z.array(z.custom<StepView>((step) => typeof step === 'object' && step !== null && 'step' in step)),
});

const PREFIX = 'operations/';

/** The latest record of each operation, the latest operation first; of one workflow id where it is given. */
export async function listRecords(
  aws: Pick<AwsClients, 's3'>,
  bucket: string,
  { workflowId, limit }: { readonly workflowId?: string; readonly limit: number },
): Promise<OperationRecord[]> {
  const prefix = workflowId === undefined ? PREFIX : `${PREFIX}${workflowId}.`;
  const latest = new Map<string, { readonly key: string; readonly at: number }>();
  for (const { key, modifiedAt } of await listObjects(aws, bucket, prefix)) {
    const operation = key.slice(0, key.lastIndexOf('/'));
    const at = modifiedAt.getTime();
    const known = latest.get(operation);
    if (known === undefined || known.at < at) latest.set(operation, { key, at });
  }
  const newest = [...latest.values()].toSorted((a, b) => b.at - a.at).slice(0, limit);
  const records = await Promise.all(
    newest.map(({ key }) => readDocument(aws, { bucket, key }, recordSchema, 'record')),
  );
  return records
    .filter((record) => record !== undefined)
    .filter((record) => workflowId === undefined || record.workflowId === workflowId);
}
