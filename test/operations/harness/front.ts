import type { FaultInput } from '../../../sandbox/aws/faults.ts';
import type { SandboxState } from '../../../sandbox/state.ts';

/** One resource as the front's inventory lists it. */
export interface InventoryItem {
  readonly kind: string;
  readonly id: string;
  readonly parent?: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface CallRecord {
  readonly service: string;
  readonly action: string;
  readonly status: number;
  readonly error?: string;
}

/** The front's own door: what exists, what was called, and what shall go wrong. */
export class Front {
  readonly #base: string;

  constructor(state: Pick<SandboxState, 'awsEndpoint'>) {
    this.#base = `${state.awsEndpoint}/_sandbox`;
  }

  async inventory(): Promise<readonly InventoryItem[]> {
    return (await this.#get('inventory')) as readonly InventoryItem[];
  }

  async calls(): Promise<readonly CallRecord[]> {
    return (await this.#get('calls')) as readonly CallRecord[];
  }

  async fault(fault: FaultInput): Promise<void> {
    await this.#send('POST', 'faults', fault);
  }

  async clearFaults(): Promise<void> {
    await this.#send('DELETE', 'faults');
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#base}/${path}`);
    if (!response.ok) throw new Error(`Cannot get "${path}" from the front: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async #send(method: string, path: string, body?: unknown): Promise<void> {
    const response = await fetch(`${this.#base}/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (!response.ok) throw new Error(`Cannot ${method} "${path}": ${response.status} ${await response.text()}`);
  }
}
