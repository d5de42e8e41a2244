/** Small services for the supervisor to run; as a program, the server itself: `<port> [die | silent | parent]`. */
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { fetch } from 'undici';
import { createServer as createProbe } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Service } from '../../sandbox/services.ts';

export const freePort = (): Promise<number> => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createProbe().listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    server.close(() => resolve(port));
  });
  return promise;
};

export function httpService(name: string, port: number, behaviour = 'serve'): Service {
  const url = `http://127.0.0.1:${port}/`;
  return {
    name,
    tools: [],
    launch: () => ({
      command: process.execPath,
      args: [import.meta.filename, String(port), behaviour],
      listens: [`127.0.0.1:${port}`],
    }),
    ready: () =>
      fetch(url).then(
        (response) => response.ok,
        () => false,
      ),
    readyTimeoutMs: behaviour === 'silent' ? 600 : 10_000,
  };
}

if (import.meta.main) {
  const [port, behaviour] = process.argv.slice(2);
  if (behaviour === 'die') {
    console.error('the disk is on fire');
    process.exit(3);
  }
  // A process that the state file does not know.
  if (behaviour === 'parent') spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
  if (behaviour === 'silent') setInterval(() => {}, 1_000);
  else createServer((_request, response) => response.end('ready')).listen(Number(port), '127.0.0.1');
}
