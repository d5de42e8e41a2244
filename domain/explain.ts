import { z } from 'zod';

export type OperationState = 'running' | 'waiting' | 'blocked' | 'undoing' | 'done' | 'failed';

/** Something that an operation waits for, as `explain` says it. Times are ISO 8601, UTC. */
export interface Wait {
  readonly what: string;
  readonly since: string;
  readonly until?: string;
  /** What happens at `until`. */
  readonly then?: string;
}

/** What an operation asks a person. */
export interface Question {
  readonly id: string;
  readonly text: string;
  readonly choices: readonly string[];
  readonly default: string;
  readonly askedAt: string;
  readonly deadline: string;
}

export interface Decision {
  readonly question: string;
  readonly choice: string;
  readonly actor: string;
  /** How the actor is called, where the actor is an id. */
  readonly actorName?: string;
  readonly reason: string;
  readonly at: string;
}

export interface StepView {
  readonly step: string;
  readonly summary: string;
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'undoing' | 'undone' | 'left';
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** Id of what the step made. */
  readonly made?: string;
  readonly error?: string;
}

/** Answer of the query `explain`: why it waits, since and until when, what then, what a person can do. */
export interface Explanation {
  readonly operation: string;
  readonly type: string;
  readonly actor: string;
  /** How the actor is called, where the actor is an id. */
  readonly actorName?: string;
  readonly reason: string;
  readonly zone?: string;
  readonly state: OperationState;
  readonly headline: string;
  readonly waits: readonly Wait[];
  /** How far what it waits for says that it is; only a client that asks Temporal learns that. */
  readonly progress?: readonly string[];
  readonly question?: Question;
  readonly paused?: {
    readonly by: string;
    readonly byName?: string;
    readonly since: string;
    readonly reason: string;
  };
  /** Why it can be aborted no more; absent as long as an abort undoes everything. */
  readonly noReturn?: string;
  readonly youCan: readonly string[];
  readonly decisions: readonly Decision[];
}

/** Answer of the query `progress`. */
export interface Progress {
  readonly state: OperationState;
  readonly startedAt: string;
  readonly steps: readonly StepView[];
}

export const controlArgs = z.strictObject({
  actor: z.string().min(1),
  actorName: z.string().min(1).optional(),
  reason: z.string().default(''),
});
export const decideArgs = controlArgs.extend({ question: z.string(), choice: z.string() });

/** Who it was, as people read it: `Alice Doe (slack:U123)`, `alice@example.com`. */
export const personName = ({ actor, actorName }: Pick<Decision, 'actor' | 'actorName'>): string =>
  actorName === undefined ? actor : `${actorName} (${actor})`;
export const whoPaused = ({ by, byName }: NonNullable<Explanation['paused']>) => ({
  actor: by,
  ...(byName === undefined ? {} : { actorName: byName }),
});
export const pausedBy = (paused: NonNullable<Explanation['paused']>): string => personName(whoPaused(paused));

/** The explanation as Markdown, for the Temporal UI's details. */
export function explanationText(explanation: Explanation): string {
  const lines = [`**${explanation.state}** — ${explanation.headline}`];
  for (const { what, since, until, then } of explanation.waits) {
    lines.push(
      `- waits for ${what}, since ${since}${until ? `, until ${until}` : ''}${then ? `; then ${then}` : ''}`,
    );
  }
  const { question, paused } = explanation;
  if (paused)
    lines.push(
      `- paused by ${pausedBy(paused)} at ${paused.since}${paused.reason ? `: ${paused.reason}` : ''}`,
    );
  if (question) {
    // The headline may have its text already; the Temporal UI shows but the first lines.
    const text = explanation.headline.includes(question.text) ? '' : `asks: ${question.text} — `;
    lines.push(
      `- ${text}answers: ${question.choices.join(', ')}; without one at ${question.deadline}: ${question.default}`,
    );
  }
  if (explanation.noReturn !== undefined) lines.push(`- cannot be aborted any more: ${explanation.noReturn}`);
  if (explanation.youCan.length > 0) lines.push(`- you can: ${explanation.youCan.join(', ')}`);
  // The Temporal UI runs lines together that no empty one parts.
  return lines.join('\n\n');
}
