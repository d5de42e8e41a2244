/** What the zone store remembers of a zone: every version of its book of leases and of its fence. */
import { GetObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import type { WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withAws } from '../../../clients/aws.ts';
import type { ZonewrightContext } from '../../../clients/contexts.ts';
import { fenceKey, fenceSchema, type Fence } from '../../../domain/keeper/fence.ts';
import { leaseBookSchema, leasesKey, type LeaseBook } from '../../../domain/keeper/leases.ts';
import type { Laboratory } from '../harness/laboratory.ts';
import { QUEUES, type OperationType } from '../../../domain/operations.ts';
import { KillableWorker } from '../harness/worker.ts';

const nothing = (): void => undefined;
const logger = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Lines in line look again every 2 seconds, holders are looked at every 6. */
const PACE = { ZONEWRIGHT_POLL_MS: '200', ZONEWRIGHT_REQUEST_TIMEOUT_MS: '2000' };

export interface Act {
  readonly number: number;
  readonly operation: string;
  /** Worker process. */
  readonly pid: number;
}

/** Worker processes of operations that write down whenever they act. */
export class Stage {
  readonly workers: readonly KillableWorker[];
  readonly #log: string;

  private constructor(workers: readonly KillableWorker[], log: string) {
    this.workers = workers;
    this.#log = log;
  }

  static async open(count: number): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'zonewright-admission-'));
    const [code, log] = [join(folder, 'workflows.js'), join(folder, 'acts')];
    const workflowsPath = join(import.meta.dirname, 'workflows.ts');
    const workflowInterceptorModules = [join(import.meta.dirname, '../harness/impatient.ts')];
    writeFileSync(
      code,
      (await bundleWorkflowCode({ workflowsPath, workflowInterceptorModules, logger })).code,
    );
    writeFileSync(log, '');
    const command = [join(import.meta.dirname, 'worker-process.ts'), code, log];
    const workers = Array.from({ length: count }, () => new KillableWorker('plain', command, PACE));
    await Promise.all(workers.map((worker) => worker.start()));
    return new Stage(workers, log);
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill()));
  }

  /** In the order in which they happened. */
  acts(): Act[] {
    const lines = readFileSync(this.#log, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Act);
  }
}

/** Starts an operation of the stage. */
export const begin = (
  { temporal, context }: Laboratory,
  zone: string,
  name: string,
  { type = 'NodeJoin', ...input }: { readonly type?: OperationType; readonly [key: string]: unknown } = {},
): Promise<WorkflowHandle> =>
  temporal.workflow.start(type, {
    taskQueue: QUEUES.workflows,
    workflowId: `${zone}-${name}`,
    workflowTaskTimeout: '3 seconds',
    args: [
      {
        ...{ actor: 'harness', environment: 'dev', onFailure: 'roll-back', zone },
        ...{ bucket: context.store.bucket, acts: 3, everyMs: 20, ...input },
      },
    ],
  });

async function versionsOf(context: ZonewrightContext, key: string): Promise<string[]> {
  const { bucket } = context.store;
  return withAws(context, async ({ s3 }) => {
    const texts: string[] = [];
    let marker: { KeyMarker?: string; VersionIdMarker?: string } = {};
    for (;;) {
      const page = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key, ...marker }));
      for (const { Key, VersionId } of page.Versions ?? []) {
        const command = new GetObjectCommand({ Bucket: bucket, Key, VersionId });
        texts.push((await (await s3.send(command)).Body?.transformToString()) ?? '');
      }
      if (page.IsTruncated !== true) return texts.toReversed();
      const { NextKeyMarker: KeyMarker = '', NextVersionIdMarker: VersionIdMarker = '' } = page;
      marker = { KeyMarker, VersionIdMarker };
    }
  });
}

/** From the first to the last. */
export const booksOf = async (context: ZonewrightContext, zone: string): Promise<LeaseBook[]> =>
  (await versionsOf(context, leasesKey(zone))).map((text) => leaseBookSchema.parse(JSON.parse(text)));

export const fencesOf = async (context: ZonewrightContext, zone: string): Promise<Fence[]> =>
  (await versionsOf(context, fenceKey(zone))).map((text) => fenceSchema.parse(JSON.parse(text)));
