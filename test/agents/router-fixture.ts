/** A border on loopback: real HAProxy, the projector and the router's agent; and instances of services that die at once. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDiscovery } from '../../agents/discovery/client.ts';
import { runProjector } from '../../agents/discovery/projector.ts';
import { HaproxyProcess } from '../../agents/router/haproxy-process.ts';
import { runRouter } from '../../agents/router/router.ts';
import { PROBLEMS_KEY, routerKey } from '../../domain/discovery/keys.ts';
import { freePort } from '../activities/control-plane.ts';
import { BORDER, type TestDiscovery } from './discovery-fixture.ts';
import { haproxyProgram } from './haproxy-starter.ts';

export class TestBorder {
  readonly folder = mkdtempSync(join(tmpdir(), 'zonewright-border-'));
  readonly file = join(this.folder, 'haproxy.cfg');
  readonly #discovery: TestDiscovery;
  readonly httpPort: number;
  readonly program: string;
  #haproxy: ChildProcess | undefined;
  #agents: AbortController | undefined;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(discovery: TestDiscovery, httpPort: number, program: string) {
    this.#discovery = discovery;
    this.httpPort = httpPort;
    this.program = program;
  }

  static async start(discovery: TestDiscovery): Promise<TestBorder> {
    const program = await haproxyProgram(mkdtempSync(join(discovery.folder, 'haproxy-')));
    const border = new TestBorder(discovery, await freePort(), program);
    await border.startAgents();
    await border.startHaproxy();
    return border;
  }

  get process(): HaproxyProcess {
    return new HaproxyProcess(this.program, join(this.folder, 'master.sock'));
  }

  async startAgents(): Promise<void> {
    const stopping = new AbortController();
    this.#agents = stopping;
    const [projector, router] = await Promise.all(
      ['discovery-projector', 'discovery-router'].map((id) => this.#discovery.access('border', BORDER, id)),
    );
    const settings = {
      statsSocket: join(this.folder, 'stats.sock'),
      bind: '127.0.0.1',
      httpPort: this.httpPort,
    };
    this.#running = Promise.all([
      runProjector({ signal: stopping.signal, open: () => openDiscovery(projector!, PROBLEMS_KEY) }),
      runRouter({
        signal: stopping.signal,
        open: () => openDiscovery(router!, routerKey(BORDER)),
        instanceId: BORDER,
        file: this.file,
        haproxy: this.process,
        settings,
      }),
    ]);
  }

  async stopAgents(): Promise<void> {
    this.#agents?.abort();
    await this.#running;
  }

  async startHaproxy(): Promise<void> {
    const args = ['-W', '-f', this.file, '-S', `${join(this.folder, 'master.sock')},mode,600`];
    this.#haproxy = spawn(this.program, args, {
      stdio: ['ignore', 'ignore', process.env['HAPROXY_LOG'] ? 'inherit' : 'ignore'],
    });
    await this.process.loadedWithin(5_000, ({ current }) => current !== undefined);
  }

  /** Ends all of its processes at once. */
  async killHaproxy(): Promise<void> {
    if (this.#haproxy === undefined || this.#haproxy.exitCode !== null) return;
    this.#haproxy.kill('SIGTERM');
    await once(this.#haproxy, 'exit');
  }

  async stop(): Promise<void> {
    await this.stopAgents();
    await this.killHaproxy();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An instance that answers after `delayMs` and, when told to, is gone at once with whatever it was doing. */
export class TestInstance {
  readonly name: string;
  readonly address: string;
  readonly #server: Server;

  private constructor(name: string, address: string, server: Server) {
    this.name = name;
    this.address = address;
    this.#server = server;
  }

  static async start(name: string, ip: string, delayMs = 0): Promise<TestInstance> {
    const server = createServer((asked, response) => {
      setTimeout(
        () => response.end(`${name}\n${asked.url}\n${asked.headers['x-forwarded-prefix'] ?? ''}`),
        delayMs,
      );
    });
    // A short one is what makes connections that are used again end in the middle.
    server.keepAliveTimeout = 50;
    server.listen(0, ip);
    await once(server, 'listening');
    return new TestInstance(name, `${ip}:${(server.address() as { port: number }).port}`, server);
  }

  die(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A TCP service that answers what it hears in capitals. */
export async function startShouter(ip: string): Promise<{ address: string; stop: () => void }> {
  const server = createTcpServer((socket) => {
    socket.on('data', (data) => socket.write(data.toString().toUpperCase()));
    socket.on('error', () => {});
  });
  server.listen(0, ip);
  await once(server, 'listening');
  return { address: `${ip}:${(server.address() as { port: number }).port}`, stop: () => server.close() };
}

/** Asks again until it holds. */
export async function eventually<T>(
  look: () => Promise<T | undefined | false>,
  what: string,
  ms = 10_000,
): Promise<T> {
  const until = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > until) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}
