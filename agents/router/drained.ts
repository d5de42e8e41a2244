import type { Loaded } from './haproxy-process.ts';

/** Which revisions the processes of HAProxy route by, from what each says it has loaded. */
export class Drained {
  /** Last revision that each configuration was the right one for. */
  readonly #until = new Map<string, number>();
  /** Highest revision that is loaded. */
  revision = 0;
  /** Highest revision older than which no process routes. */
  drained = 0;
  isDraining = false;

  /** @param revision what `loaded.current` was rendered from */
  note({ current, former }: Loaded, revision: number): void {
    if (current === undefined) return;
    this.#until.set(current, revision);
    this.revision = revision;
    // Of a process that another agent, before this one, has loaded nothing is known.
    const until = former.map((each) => (each === current ? revision : (this.#until.get(each) ?? 0)));
    this.drained = Math.min(revision, ...until);
    this.isDraining = this.drained < revision;
    for (const known of this.#until.keys())
      if (known !== current && !former.includes(known)) this.#until.delete(known);
  }
}
