import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Explanation, Progress } from '../domain/explain.ts';
import type { AdmissionRequest } from '../domain/keeper/leases.ts';
import { KEEPER_MESSAGES, type Answer, type Release, type Standing } from '../domain/keeper/messages.ts';

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

/** Between a zone's keeper and operations on the zone. */
export const askSignal = defineSignal<[AdmissionRequest]>(KEEPER_MESSAGES.ask);
export const releaseSignal = defineSignal<[Release]>(KEEPER_MESSAGES.release);
export const standingQuery = defineQuery<Standing, [string]>(KEEPER_MESSAGES.standing);
export const answerSignal = defineSignal<[Answer]>(KEEPER_MESSAGES.answer);
