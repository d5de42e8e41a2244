import type { LoggedCall } from '../../../sandbox/aws/call-log.ts';
import type { FaultInput, Faults } from '../../../sandbox/aws/faults.ts';
import type { InventoryItem } from '../../../sandbox/aws/inventory.ts';
import type { SandboxState } from '../../../sandbox/state.ts';

/** The front's own door: what exists, what was called, and what shall go wrong. */
export class Front {
  readonly #base: string;

  constructor(state: Pick<SandboxState, 'awsEndpoint'>) {
    this.#base = `${state.awsEndpoint}/_sandbox`;
  }

  async inventory(): Promise<readonly InventoryItem[]> {
    return (await this.#get('inventory')) as readonly InventoryItem[];
  }

  /** Calls that ended after the given sequence number. */
  async calls(since = 0): Promise<readonly LoggedCall[]> {
    return (await this.#get(`calls?since=${since}`)) as readonly LoggedCall[];
  }

  async fault(faults: readonly FaultInput[]): Promise<void> {
    await this.#send('POST', 'faults', faults);
  }

  /** Whether a fault for this action has struck. */
  async struck(action: string): Promise<boolean> {
    const armed = (await this.#get('faults')) as ReturnType<Faults['list']>;
    return armed.some(({ match, struck }) => match.action === action && struck > 0);
  }

  async clearFaults(): Promise<void> {
    await this.#send('DELETE', 'faults');
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#base}/${path}`);
    if (!response.ok)
      throw new Error(`Cannot get "${path}" from the front: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async #send(method: string, path: string, body?: unknown): Promise<void> {
    const response = await fetch(`${this.#base}/${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (!response.ok)
      throw new Error(`Cannot ${method} "${path}": ${response.status} ${await response.text()}`);
  }
}
