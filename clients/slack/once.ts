/** Does each request once, however often it is delivered; whoever delivers it again waits for the first. */
const KEPT_MS = 600_000;

export class Once {
  readonly #done = new Map<string, { readonly at: number; readonly work: Promise<void> }>();

  do(request: string, body: () => Promise<void>): Promise<void> {
    const now = Date.now();
    for (const [key, { at }] of this.#done) if (at < now - KEPT_MS) this.#done.delete(key);
    const known = this.#done.get(request);
    if (known !== undefined) return known.work;
    const work = body();
    this.#done.set(request, { at: now, work });
    // What failed may be tried again.
    work.catch(() => this.#done.delete(request));
    return work;
  }
}
