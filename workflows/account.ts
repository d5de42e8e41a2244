import { setCurrentDetails, upsertMemo, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import {
  explanationText,
  pausedBy,
  type Decision,
  type Explanation,
  type OperationState,
  type Progress,
  type Question,
  type StepView,
  type Wait,
} from '../domain/explain.ts';
import { SEARCH_ATTRIBUTES, type OperationInput } from '../domain/operations.ts';

const now = (): string => new Date().toISOString();

/**
 * What an operation can say about itself at any moment. `publish` also writes it where it can be read while no
 * worker answers: memo, current details, search attribute. Each publication costs history events, so it happens
 * when the answer to "why does it wait" changes and not at every step.
 */
export class Account {
  state: OperationState = 'running';
  question: Question | undefined;
  paused: Explanation['paused'];
  /** Why there is no way back; from then on nothing is undone. */
  noReturn: string | undefined;
  /** How many waits have passed their progress deadlines. */
  stalled = 0;
  readonly decisions: Decision[] = [];
  readonly #steps = new Map<string, StepView>();
  readonly #waits = new Set<Wait>();
  readonly #startedAt = now();
  readonly #input: OperationInput & { readonly zone?: string | undefined };
  #published = '';
  #publishedState: OperationState | undefined;
  #questions = 0;
  #undoing = '';

  constructor(input: OperationInput & { readonly zone?: string | undefined }) {
    this.#input = input;
  }

  /** Notes who has decided what. */
  decided({
    actorName,
    ...decision
  }: Omit<Decision, 'at' | 'actorName'> & { actorName: string | undefined }) {
    this.decisions.push({ ...decision, ...(actorName === undefined ? {} : { actorName }), at: now() });
  }

  step(step: string, change: Partial<StepView> & Pick<StepView, 'state'>): void {
    const known: StepView = this.#steps.get(step) ?? { step, summary: step, state: 'waiting' };
    // Once a step runs again, how it ended before is history.
    const { endedAt: _endedAt, error: _error, ...fresh } = known;
    const before: Partial<StepView> = change.state === 'running' || change.state === 'done' ? fresh : known;
    const times =
      change.state === 'running' || change.state === 'undoing'
        ? { startedAt: before.startedAt ?? now() }
        : change.state === 'waiting'
          ? {}
          : { endedAt: now() };
    this.#steps.set(step, { step, summary: known.summary, ...before, ...times, ...change });
  }

  /** Notes a wait while `body` runs; `change` says in other words what is waited for. */
  async during<T>(
    wait: Omit<Wait, 'since'>,
    body: (change: (what: string) => void) => Promise<T>,
  ): Promise<T> {
    let noted = { since: now(), ...wait };
    const note = (what: string) => {
      this.#waits.delete(noted);
      noted = { ...noted, what };
      this.#waits.add(noted);
      this.publish();
    };
    note(wait.what);
    try {
      return await body(note);
    } finally {
      this.#waits.delete(noted);
      this.publish();
    }
  }

  /** From now on it only undoes; `headline` says what. Nothing can be paused or decided any more. */
  undoing(headline: string): void {
    this.state = 'undoing';
    this.#undoing = headline;
    this.paused = undefined;
    this.publish();
  }

  /** Id of the next question about a failure: never used twice, so that a late answer meets no later question. */
  nextQuestionId(): string {
    return `failure-${++this.#questions}`;
  }

  explain(): Explanation {
    const { type, id, actor, actorName, reason, zone } = this.#identity();
    const waits = [...this.#waits];
    return {
      operation: id,
      type,
      actor,
      ...(actorName === undefined ? {} : { actorName }),
      reason,
      ...(zone === undefined ? {} : { zone }),
      state: this.shownState(),
      headline: this.#headline(waits),
      waits,
      ...(this.question ? { question: this.question } : {}),
      ...(this.paused ? { paused: this.paused } : {}),
      ...(this.noReturn === undefined ? {} : { noReturn: this.noReturn }),
      youCan: this.#youCan(),
      decisions: this.decisions,
    };
  }

  progress(): Progress {
    return { state: this.shownState(), startedAt: this.#startedAt, steps: [...this.#steps.values()] };
  }

  shownState(): OperationState {
    if (this.state !== 'running') return this.state;
    if (this.question || this.stalled > 0) return 'blocked';
    return this.paused || this.#waits.size > 0 ? 'waiting' : 'running';
  }

  publish(): void {
    const explanation = this.explain();
    const text = explanationText(explanation);
    if (text === this.#published) return;
    this.#published = text;
    setCurrentDetails(text);
    upsertMemo({ explain: explanation });
    if (explanation.state === this.#publishedState) return;
    this.#publishedState = explanation.state;
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.state]: [explanation.state] });
  }

  /** Written once at the start: what people filter by. */
  announce(): void {
    const { type, actor, zone } = this.#identity();
    upsertSearchAttributes({
      [SEARCH_ATTRIBUTES.operation]: [type],
      [SEARCH_ATTRIBUTES.actor]: [actor],
      ...(zone === undefined ? {} : { [SEARCH_ATTRIBUTES.zone]: [zone] }),
    });
    this.publish();
  }

  #identity() {
    const { workflowId: id, workflowType: type } = workflowInfo();
    const { actor, actorName, reason, zone } = this.#input;
    return { id, type, actor, actorName, reason, zone };
  }

  #headline(waits: readonly Wait[]): string {
    if (this.question) return `asks: ${this.question.text}`;
    if (this.paused) return `paused by ${pausedBy(this.paused)}`;
    if (this.state === 'undoing') return this.#undoing;
    if (waits.length > 0) return `waits for ${waits.map((wait) => wait.what).join(', ')}`;
    return this.state === 'running' ? 'at work' : this.state;
  }

  #youCan(): string[] {
    if (this.state === 'done' || this.state === 'failed') return [];
    const abort = this.noReturn === undefined ? ['abort'] : [];
    if (this.question) return [...this.question.choices.map((choice) => `decide ${choice}`), ...abort];
    if (this.state === 'undoing') return [];
    return [this.paused ? 'resume' : 'pause', ...abort];
  }
}
