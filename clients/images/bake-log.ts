/** Follows what the machines of a bake write into the zone store while they work. */
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { bakePrefix } from '../../domain/archive.ts';
import type { AwsClients } from '../aws.ts';

export interface LogLines {
  /** Where they come from: the builder's or the tester's folder. */
  readonly source: string;
  readonly lines: readonly string[];
}

const POLL_MS = 2_000;

/**
 * Yields new lines of all logs of a bake until told to stop. A machine writes its log anew each time, longer; what was
 * there already is not said again.
 */
export async function* followBakeLog(
  { s3 }: Pick<AwsClients, 's3'>,
  bucket: string,
  bakeId: string,
  signal: AbortSignal,
): AsyncGenerator<LogLines> {
  const said = new Map<string, { etag: string; length: number; rest: boolean }>();
  for (let last = false; !last;) {
    // Once more after the end, for what was written last.
    last = signal.aborted;
    const prefix = bakePrefix(bakeId);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    for (const { Key = '', ETag = '' } of Contents.filter(({ Key: key }) => key?.endsWith('/log'))) {
      const before = said.get(Key);
      if (before?.etag === ETag && !(last && before.rest)) continue;
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
      const text = (await Body?.transformToString()) ?? '';
      // Only whole lines, so that a line is said once.
      const whole = text.slice(0, last ? undefined : text.lastIndexOf('\n') + 1);
      const lines = whole
        .slice(before?.length ?? 0)
        .split('\n')
        .filter(Boolean);
      said.set(Key, { etag: ETag, length: whole.length, rest: whole.length < text.length });
      if (lines.length > 0) yield { source: Key.slice(prefix.length, -'/log'.length), lines };
    }
    if (!last) await pause(signal);
  }
}

const pause = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, POLL_MS);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
