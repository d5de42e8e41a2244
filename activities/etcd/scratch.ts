import type { Etcd3 } from 'etcd3';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ZonewrightError } from '../../domain/errors.ts';
import { connectSocket } from './state.ts';

/** Where scratch etcds live, and the programs that they are: those of the zone's own image. */
export interface ScratchSettings {
  /** Short, since the paths of sockets below it may have 107 characters. */
  readonly folder: string;
  readonly etcd: string;
  readonly etcdutl: string;
}

/** Why etcd's own tools refuse a snapshot: a finding of the proof, not a failure of the activity. */
export class SnapshotRefused extends Error {}

const START_MS = 180_000;
const PREFIX = 'proof-';

/**
 * Lends a folder of its own, gone afterwards; of a process that was killed the next call removes what is left.
 * Nobody else on the machine can look into it.
 */
export async function withScratchFolder<T>(
  { folder }: Pick<ScratchSettings, 'folder'>,
  body: (own: string) => Promise<T>,
): Promise<T> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeAbandoned(folder);
  const own = await mkdtemp(join(folder, `${PREFIX}${process.pid}-${await birthOf('self')}-`));
  try {
    return await body(own);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** Folders name the process that made them, and when it was born: its number may be another's by now. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [pid, birth] = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split('-') : [];
    if (pid === undefined || birth === undefined || (await birthOf(pid)) === birth) continue;
    await killAbandoned(join(folder, name));
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** An etcd is told to die with the process that started it; where that did not arrive, it is found by its folder. */
async function killAbandoned(own: string): Promise<void> {
  const pid = Number(await readFile(join(own, 'etcd.pid'), 'utf8').catch(() => '0'));
  const command = pid > 0 ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : '';
  if (command.includes(`${own}/`)) process.kill(pid, 'SIGKILL');
}

/** When a process was born, in clock ticks; empty when there is none. */
async function birthOf(pid: string): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** @throws {ZonewrightError} `GateFailed` when the disk has not that much room */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  throw new ZonewrightError(
    'GateFailed',
    `Cannot restore into "${folder}": it takes ${bytes} bytes, the disk has ${bavail * bsize}`,
  );
}

/**
 * Restores a snapshot and starts an etcd on it, which ends with the call.
 *
 * @param own folder of `withScratchFolder`
 * @throws {SnapshotRefused} when etcdutl does not take it or etcd does not start on it
 */
export async function withRestored<T>(
  tools: ScratchSettings,
  own: string,
  snapshot: string,
  signal: AbortSignal,
  body: (client: Etcd3) => Promise<T>,
): Promise<T> {
  const peer = `unix://${own}/peer.sock`;
  const member = ['--name=proof', `--data-dir=${own}/data`, `--initial-cluster=proof=${peer}`];
  const advertised = `--initial-advertise-peer-urls=${peer}`;
  await restore(tools.etcdutl, ['snapshot', 'restore', snapshot, ...member, advertised], signal);
  const socket = `${own}/client.sock`;
  const etcd = new Program(tools.etcd, [
    ...member,
    advertised,
    `--listen-peer-urls=${peer}`,
    `--listen-client-urls=unix://${socket}`,
    `--advertise-client-urls=unix://${socket}`,
    '--enable-grpc-gateway=false',
    '--quota-backend-bytes=17179869184',
    '--log-level=error',
  ]);
  try {
    await writeFile(join(own, 'etcd.pid'), String(etcd.pid));
    const client = await started(etcd, socket, signal);
    try {
      return await body(client);
    } finally {
      client.close();
    }
  } finally {
    await etcd.kill();
  }
}

async function restore(etcdutl: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const program = new Program(etcdutl, args);
  const stop = () => void program.kill();
  signal.addEventListener('abort', stop);
  try {
    const code = await program.ended;
    signal.throwIfAborted();
    if (code === 0) return;
    const words = program.lastWords();
    if (/no space left/i.test(words)) throw new ZonewrightError('GateFailed', `Cannot restore: ${words}`);
    throw new SnapshotRefused(`etcdutl refuses it: ${words}`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function started(etcd: Program, socket: string, signal: AbortSignal): Promise<Etcd3> {
  const deadline = Date.now() + START_MS;
  let problem = '';
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    if (etcd.hasEnded) throw new SnapshotRefused(`etcd does not start on it: ${etcd.lastWords()}`);
    // A client that has failed thrice waits five seconds: each look has one of its own.
    const client = connectSocket(socket);
    try {
      await client.maintenance.status();
      // Answered only once there is a leader.
      await client.get('/').exec();
      return client;
    } catch (error) {
      problem = (error as Error).message;
      client.close();
      await sleep(100, undefined, { signal });
    }
  }
  throw new SnapshotRefused(`etcd does not answer on it within ${START_MS / 1000} s: ${problem}`);
}

/** A program that dies with this process, and of whose output the end is kept. */
class Program {
  readonly #child: ChildProcess;
  #output = '';
  /** Exit code; 1 when it was ended by a signal. */
  readonly ended: Promise<number>;

  constructor(path: string, args: readonly string[]) {
    const command = ['--pdeathsig', 'KILL', path, ...args];
    this.#child = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (text: Buffer) => (this.#output = (this.#output + text.toString()).slice(-4_000));
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.ended = once(this.#child, 'close').then(([code]) => (code as number | null) ?? 1);
    this.ended.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The last line that says anything. */
  lastWords(): string {
    const lines = this.#output.split('\n').map((line) => line.trim());
    const telling = lines.findLast((line) =>
      /^(Error|panic|fatal)|"level":"(fatal|panic|error)"/i.test(line),
    );
    return (telling ?? lines.findLast((line) => line !== '') ?? 'it said nothing').slice(0, 500);
  }

  async kill(): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await this.ended.catch(() => undefined);
  }
}
