/** Whether a service answers yet. */
import { connect } from 'node:net';
import { fetch } from 'undici';

/** Whether a URL answers with a success. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not yet
  }
}

/** Whether something listens at `host:port`. */
export function accepts(address: string): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port: Number(port), timeout: 2_000 });
  const settle = (open: boolean) => {
    socket.destroy();
    resolve(open);
  };
  socket
    .once('connect', () => settle(true))
    .once('error', () => settle(false))
    .once('timeout', () => settle(false));
  return promise;
}
