/** Toy operations on a real Temporal server, and a person whose context points to it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Frame } from '../workflows/frame.ts';
import type { Run } from '../workflows/frame.ts';
import type { ToyCloud } from '../workflows/toy-cloud.ts';
import type { ToyInput } from '../workflows/toys.ts';

export interface ToyRun extends Run {
  readonly id: string;
}

export class ToyOperations {
  readonly #frame: Frame;
  readonly #folder = mkdtempSync(join(tmpdir(), 'zonewright-cli-op-'));

  private constructor(frame: Frame) {
    this.#frame = frame;
    this.writeContext(frame.env.address);
  }

  static async open(): Promise<ToyOperations> {
    return new ToyOperations(await Frame.openReal());
  }

  /** Environment of a person who uses these operations. */
  get env(): Record<string, string> {
    return {
      ZONEWRIGHT_HOME: this.#folder,
      ZONEWRIGHT_CONTEXT: 'toy',
      ZONEWRIGHT_SANDBOX_HOME: join(this.#folder, 'no-sandbox'),
      ZONEWRIGHT_ACTOR: 'carol@example.com',
    };
  }

  writeContext(address = this.#frame.env.address, name = 'toy', more: object = {}): void {
    const contexts = join(this.#folder, 'contexts');
    mkdirSync(contexts, { recursive: true });
    const context = {
      temporal: { address, namespace: this.#frame.env.namespace ?? 'default' },
      aws: { region: 'us-east-1' },
      store: { bucket: 'toy-store' },
      environment: { name: 'toy', domain: 'toy.example.com' },
      ...more,
    };
    writeFileSync(join(contexts, `${name}.yaml`), stringify(context));
  }

  async start(input: Partial<ToyInput> = {}, prepare?: (cloud: ToyCloud) => void): Promise<ToyRun> {
    return this.startToy('ToyZone', input, prepare);
  }

  async startToy(
    type: string,
    input: Partial<ToyInput>,
    prepare?: (cloud: ToyCloud) => void,
  ): Promise<ToyRun> {
    const run = await this.#frame.start(type, input, prepare);
    return { ...run, id: run.workflowId };
  }

  startWorker(): Promise<void> {
    return this.#frame.startWorker();
  }

  stopWorker(): Promise<void> {
    return this.#frame.stopWorker();
  }

  async close(): Promise<void> {
    await this.#frame.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
