import { getExternalWorkflowHandle, log, sleep, TemporalFailure } from '@temporalio/workflow';
import type { Fence } from '../domain/keeper/fence.ts';
import type { AdmissionRequest } from '../domain/keeper/leases.ts';
import type { Answer, InTheWay, Standing } from '../domain/keeper/messages.ts';
import { answerSignal } from './messages.ts';

type Told = () => void;

/** Tells operations how their requests stand. */
export class Informer {
  /** Who stands in the way of each that is in line. */
  readonly #by = new Map<string, InTheWay>();
  readonly #telling = new Set<string>();

  /** True while somebody is being told; what is under way then must not be cut off. */
  get busy(): boolean {
    return this.#telling.size > 0;
  }

  standing(operation: string, inLine: boolean): Standing {
    const by = this.#by.get(operation);
    return { inLine, ...(inLine && by ? { by } : {}) };
  }

  /** @param quietMs how long requests of a holder who went without a word may still take effect */
  grant(request: AdmissionRequest, fence: Fence, quietMs: number, told: Told): void {
    const { operation } = request;
    this.#tell(request, { operation, kind: 'granted', fence }, told, quietMs);
  }

  refuse(request: AdmissionRequest, by: InTheWay, told: Told): void {
    this.#tell(request, { operation: request.operation, kind: 'refused', by }, told);
  }

  /** Those at the front hear of each new holder, the others look for themselves: a long line costs no more. */
  inLine(request: AdmissionRequest, by: InTheWay): void {
    const { operation } = request;
    const before = this.#by.get(operation);
    this.#by.set(operation, by);
    const isNews = before === undefined || (by.ahead === 0 && JSON.stringify(before) !== JSON.stringify(by));
    if (isNews) this.#tell(request, { operation, kind: 'in line', by });
  }

  #tell({ operation, workflowId }: AdmissionRequest, answer: Answer, told?: Told, quietMs = 0): void {
    const key = `${answer.kind} ${operation}`;
    if (this.#telling.has(key)) return;
    this.#telling.add(key);
    const send = async () => {
      if (quietMs > 0) await sleep(quietMs, { summary: 'letting requests of the holder before end' });
      await getExternalWorkflowHandle(workflowId).signal(answerSignal, answer);
    };
    send()
      // It has closed in the meantime; the next look at the book finds that out.
      .catch((error: unknown) => {
        if (!(error instanceof TemporalFailure)) throw error;
        log.warn('Cannot tell', { operation, answer: answer.kind, error });
      })
      .finally(() => {
        this.#telling.delete(key);
        if (told === undefined) return;
        this.#by.delete(operation);
        told();
      });
  }
}
