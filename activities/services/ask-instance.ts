import { connect } from 'node:net';
import type { HealthCheck } from '../../domain/services/shape.ts';

/**
 * Asks an instance at its own address, over the pod network.
 *
 * @returns why it is not well; `undefined` when it is
 */
export async function askInstance(
  address: string,
  { type, port, path, timeoutSeconds }: HealthCheck,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (address === '') return 'it has no address';
  const timeoutMs = timeoutSeconds * 1_000;
  try {
    if (type === 'tcp') await connects(address, port, timeoutMs);
    else {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const answer = await fetch(`http://${address}:${port}${path}`, { signal: limit, redirect: 'manual' });
      await answer.body?.cancel();
      // As the kubelet counts them.
      if (answer.status < 200 || answer.status >= 400) return `${path} answers ${answer.status}`;
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const { message, cause } = error as Error;
    return cause instanceof Error ? cause.message : message;
  }
}

const connects = (host: string, port: number, timeout: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => socket.destroy(new Error(`no answer within ${timeout / 1_000} s`)));
    socket.once('error', reject);
  });
