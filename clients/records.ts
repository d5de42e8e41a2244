/** Records of operations in the zone store: they outlive the histories that Temporal forgets. */
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { StepView } from '../domain/explain.ts';
import { parse } from '../domain/parse.ts';
import type { AwsClients } from './aws.ts';

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
  { s3 }: Pick<AwsClients, 's3'>,
  bucket: string,
  { workflowId, limit }: { readonly workflowId?: string; readonly limit: number },
): Promise<OperationRecord[]> {
  const Prefix = workflowId === undefined ? PREFIX : `${PREFIX}${workflowId}.`;
  const latest = new Map<string, { readonly key: string; readonly at: number }>();
  for (let token: string | undefined; ;) {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix, ContinuationToken: token }),
    );
    for (const { Key = '', LastModified } of page.Contents ?? []) {
      const operation = Key.slice(0, Key.lastIndexOf('/'));
      const at = LastModified?.getTime() ?? 0;
      const known = latest.get(operation);
      if (known === undefined || known.at < at) latest.set(operation, { key: Key, at });
    }
    token = page.NextContinuationToken;
    if (token === undefined) break;
  }
  const newest = [...latest.values()].toSorted((a, b) => b.at - a.at).slice(0, limit);
  const records = await Promise.all(newest.map(({ key }) => readRecord(s3, bucket, key)));
  return records.filter((record) => workflowId === undefined || record.workflowId === workflowId);
}

async function readRecord(s3: AwsClients['s3'], bucket: string, key: string): Promise<OperationRecord> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return parse(
    recordSchema,
    JSON.parse((await Body?.transformToString()) ?? ''),
    `record "${bucket}/${key}"`,
  );
}
