/** What a bench finds out: named numbers, each measured once or more, beside what they are compared with. */

export type Unit = 's' | 'ms' | 'MiB' | 'KiB' | 'calls' | 'events' | 'per s';

export interface Measurement {
  readonly name: string;
  readonly unit: Unit;
  /** In the order in which they were measured; none means that it was not. */
  readonly values: readonly number[];
  /** The target: the largest value that is good enough. */
  readonly target?: number;
  /** Name of a measurement of the same run that this one is a multiple of: machines are noisy, ratios less so. */
  readonly baseline?: string;
  readonly note?: string;
  /** Heading that it stands under in the report; a bench without headings is one table. */
  readonly group?: string;
}

/** The result of one bench, as it is kept. */
export interface BenchResult {
  readonly bench: string;
  readonly what: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly commit: string;
  readonly computer: Computer;
  /** One-minute load averages just before and after: what others did on the same computer. */
  readonly load: { readonly before: number; readonly after: number };
  readonly measurements: readonly Measurement[];
}

export interface Computer {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly system: string;
  readonly node: string;
}

/** Smallest, middle and largest; with an even number of values the middle is between the two middle ones. */
export function spread(values: readonly number[]): { min: number; median: number; max: number } | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  if (sorted.length === 0) return undefined;
  const middle = (sorted.length - 1) / 2;
  return {
    min: at(0),
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    max: at(-1 + sorted.length),
  };
}

/** Collects values under their names, in the order in which the names first occur. */
export class Measurements {
  readonly #all = new Map<string, Measurement & { readonly values: number[] }>();

  add(name: string, value: number, about: Omit<Measurement, 'name' | 'values'>): void {
    const known = this.#all.get(`${about.group ?? ''}/${name}`);
    if (known) known.values.push(value);
    else this.#all.set(`${about.group ?? ''}/${name}`, { name, ...about, values: [value] });
  }

  /** Runs `body`, counts its seconds under the name and returns what it returned. */
  async time<T>(name: string, body: () => Promise<T>, about: Partial<Measurement> = {}): Promise<T> {
    const began = performance.now();
    const result = await body();
    this.add(name, (performance.now() - began) / 1000, { unit: 's', ...about });
    return result;
  }

  all(): readonly Measurement[] {
    return [...this.#all.values()];
  }
}
