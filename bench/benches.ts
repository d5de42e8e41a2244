/** The benches, as a person meets things. Adding one is a file and a row here. */
import { backup } from './benches/backup.ts';
import { boot } from './benches/boot.ts';
import { operations } from './benches/operations.ts';
import { pack } from './benches/pack.ts';
import { roll } from './benches/roll.ts';
import { sandbox } from './benches/sandbox.ts';
import { start } from './benches/start.ts';
import { temporal } from './benches/temporal.ts';
import type { Measurement } from './measurement.ts';

export interface BenchOptions {
  /** How often to repeat what can be repeated within one run. */
  readonly repeat: number;
  readonly say: (line: string) => void;
}

export interface Bench {
  readonly name: string;
  /** One sentence for the report: what is measured and what it is compared with. */
  readonly what: string;
  readonly run: (options: BenchOptions) => Promise<readonly Measurement[]>;
}

export const BENCHES: readonly Bench[] = [start, sandbox, boot, operations, roll, backup, pack, temporal];
