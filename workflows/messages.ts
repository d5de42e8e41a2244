import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { Explanation, Progress } from '../domain/explain.ts';

/** Every operation answers these; clients know them by name. */
export const explainQuery = defineQuery<Explanation>('explain');
export const progressQuery = defineQuery<Progress>('progress');

export interface ControlArgs {
  readonly actor: string;
  readonly actorName?: string | undefined;
  readonly reason: string;
}
export interface DecideArgs extends ControlArgs {
  readonly question: string;
  readonly choice: string;
}
export const pauseUpdate = defineUpdate<string, [ControlArgs]>('pause');
export const resumeUpdate = defineUpdate<string, [ControlArgs]>('resume');
export const abortUpdate = defineUpdate<string, [ControlArgs]>('abort');
export const decideUpdate = defineUpdate<string, [DecideArgs]>('decide');
