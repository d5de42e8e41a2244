/** Carries out injected faults around the work of one call. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsError } from './call.ts';
import { throttleError } from './faults.ts';
import type { FaultEffect } from './faults.ts';

/** The client shall get no answer: its connection is gone. */
export class NoAnswer extends Error {}

export interface Struck<T> {
  readonly service: string;
  readonly effects: readonly FaultEffect[];
  readonly socket: Socket;
  /** Takes from the connection what the work still needs of it, before it is dropped. */
  readonly detach: () => Promise<void>;
  readonly work: () => Promise<T>;
  /** Gets rid of a result that nobody will see. */
  readonly discard: (result: T) => Promise<void>;
}

/** @throws {NoAnswer} where a fault drops the client; {AwsError} where one refuses */
export async function strike<T>(struck: Struck<T>): Promise<T> {
  const { service, effects, socket, work } = struck;
  for (const effect of effects) await before(service, effect, socket);
  const delayed = effects.find((effect) => effect.kind === 'delay-effect');
  if (delayed !== undefined) {
    await struck.detach();
    socket.destroy();
    await sleep(delayed.ms);
    await struck.discard(await work());
    throw new NoAnswer();
  }
  const result = await work();
  for (const effect of effects) {
    if (effect.kind === 'timeout-after') {
      await struck.discard(result);
      await holdThenDrop(socket, effect.holdMs);
    }
    if (effect.kind === 'error' && effect.when === 'after') {
      await struck.discard(result);
      throw new AwsError(effect.code, effect.message ?? 'Injected after the effect', effect.status);
    }
  }
  return result;
}

async function before(service: string, effect: FaultEffect, socket: Socket): Promise<void> {
  if (effect.kind === 'latency') await sleep(effect.ms);
  if (effect.kind === 'timeout-before') await holdThenDrop(socket, effect.holdMs);
  if (effect.kind === 'throttle') {
    const { code, message, status } = throttleError(service);
    throw new AwsError(code, message, status);
  }
  if (effect.kind === 'error' && effect.when === 'before') {
    throw new AwsError(effect.code, effect.message ?? 'Injected before the effect', effect.status);
  }
}

async function holdThenDrop(socket: Socket, ms: number): Promise<never> {
  const given = new AbortController();
  socket.once('close', () => given.abort());
  if (!socket.destroyed) await sleep(ms, undefined, { signal: given.signal }).catch(() => undefined);
  socket.destroy();
  throw new NoAnswer();
}
