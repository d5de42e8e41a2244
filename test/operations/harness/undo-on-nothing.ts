/** Undoes what operations once made, of which nothing is left. */
import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../../activities/cloud/clients.ts';
import type { EffectInput } from '../../../activities/effect.ts';
import { createActivities, createPkiActivities } from '../../../activities/index.ts';
import type { Kind } from '../../../domain/resources/index.ts';
import type { Laboratory } from './laboratory.ts';

export interface Creation {
  readonly kind: Kind;
  readonly input: EffectInput;
}

/** What an operation asked its activities to create, as its history has it. */
export async function creationsOf(temporal: Client, workflowId: string): Promise<Creation[]> {
  const { events } = await temporal.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
    const [, kind] = /^(.+)\.create$/.exec(scheduled?.activityType?.name ?? '') ?? [];
    const data = scheduled?.input?.payloads?.[0]?.data;
    if (kind === undefined || !data) return [];
    return [{ kind: kind as Kind, input: JSON.parse(Buffer.from(data).toString()) as EffectInput }];
  });
}

/** @throws what the activity threw, when it is not that something needs a while */
export async function undo({ context }: Laboratory, creations: readonly Creation[]): Promise<void> {
  const clients = connect({ ...context.aws, requestTimeoutMs: 10_000 });
  const settings = {
    consistencyWindowMs: 0,
    pollMs: 200,
    requestTimeoutMs: 10_000,
    bucket: context.store.bucket,
  };
  const activities = { ...createActivities(clients, settings), ...createPkiActivities(clients, settings) };
  const named = activities as unknown as Record<string, (input: EffectInput) => Promise<void>>;
  try {
    for (const { kind, input } of creations) await untilDone(async () => named[`${kind}.delete`]?.(input));
  } finally {
    for (const client of Object.values(clients)) client.destroy();
  }
}

async function untilDone(body: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await new MockActivityEnvironment().run(body);
    } catch (error) {
      if ((error as { type?: string }).type !== 'NotYet') throw error;
      await sleep(200);
    }
  }
}
