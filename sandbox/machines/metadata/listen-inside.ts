/** A listening socket in another network namespace, served by this process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { MachineError } from '../errors.ts';

/**
 * Runs inside the namespace: listens, hands the socket over, ends. The socket stays where it was made. The script lets
 * go of it at once, or it would take connections that nobody answers.
 */
const LISTEN = `
const [address, port] = process.argv.slice(1);
const server = require('node:net').createServer();
server.listen(Number(port), address, () => process.send('listening', server, () => server.close()));
`;

/** @throws {MachineError} when the address cannot be bound there */
export async function listenInside(namespace: string, address: string, port: number): Promise<Server> {
  const args = [`--net=${namespace}`, process.execPath, '-e', LISTEN, address, String(port)];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const complaint = text(child.stderr!);
  const ended = once(child, 'exit');
  const message = once(child, 'message').then(([, handle]) => handle as Server);
  const server = await Promise.race([message, ended.then(() => undefined)]);
  if (server === undefined) {
    throw new MachineError(
      `Cannot listen on ${address}:${port} in "${namespace}": ${(await complaint).trim()}`,
    );
  }
  child.disconnect();
  await ended;
  return server;
}
