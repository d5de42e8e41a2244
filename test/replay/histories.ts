import type { WorkflowHandle } from '@temporalio/client';
import protos from '@temporalio/proto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const { History } = protos.temporal.api.history.v1;

const folder = join(import.meta.dirname, '../fixtures/histories');

/** A recorded history. */
export interface Recorded {
  /** `ToyZone-rolled-back`: workflow type and what happened. */
  readonly name: string;
  readonly type: string;
  /** An operation's own name, by which signals to it are told from those to others. */
  readonly workflowId: string;
  readonly json: unknown;
  /** As the worker wants it. */
  readonly history: protos.temporal.api.history.v1.History;
}

export const recordedHistories = (): Recorded[] =>
  globSync('*.json', { cwd: folder })
    .toSorted()
    .map((file) => {
      const name = basename(file, '.json');
      const json = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { [key: string]: unknown };
      const history = History.fromObject(json);
      const workflowId = history.events[0]?.workflowExecutionStartedEventAttributes?.workflowId ?? '';
      return { name, type: name.split('-')[0] ?? name, workflowId, json, history };
    });

/** Writes the history of an operation as `<name>.json`, one event a line, without what tells about the computer. */
export async function recordHistory(name: string, handle: WorkflowHandle): Promise<string> {
  const asText = { longs: String, enums: String, bytes: String };
  const plain = History.toObject(History.fromObject(await handle.fetchHistory()), asText);
  const { events } = withoutTraces(plain) as { events: unknown[] };
  const lines = events.map((event) => JSON.stringify(event));
  const file = join(folder, `${name}.json`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `{"events":[\n${lines.join(',\n')}\n]}\n`);
  return file;
}

/** Stack traces, identities and names of sticky queues hold paths and host names; replay needs none of them. */
function withoutTraces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTraces);
  if (typeof value !== 'object' || value === null) return value;
  if ('kind' in value && value.kind === 'TASK_QUEUE_KIND_STICKY') return { ...value, name: 'sticky' };
  const kept = Object.entries(value).filter(([key]) => key !== 'stackTrace' && key !== 'identity');
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutTraces(item)]));
}
