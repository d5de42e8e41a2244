/** The front in this process, before a real emulator and a real S3 server; only network and machines are in memory. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EC2Client } from '@aws-sdk/client-ec2';
import { IAMClient } from '@aws-sdk/client-iam';
import { Route53Client } from '@aws-sdk/client-route-53';
import { S3Client } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';
import type { FaultInput } from '../../sandbox/aws/faults.ts';
import { openFront } from '../../sandbox/aws/open-front.ts';
import type { OpenFront } from '../../sandbox/aws/open-front.ts';
import type { Delays } from '../../sandbox/aws/world.ts';
import type { ExitReason, Machines, MachineSpec } from '../../sandbox/machines/model.ts';
import type { Network, NetworkModel } from '../../sandbox/network/model.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';

export const ADMIN = { accessKeyId: 'AKIASANDBOXADMIN0000', secretAccessKey: 'secret-of-the-administrator' };
export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';
const ADDRESSES = {
  index: 0,
  computer: '198.18.0.1',
  internet: '198.18.0.2',
  elasticCidr: '198.18.1.0/24',
  nameServerCidr: '198.18.2.0/24',
  resolver: '198.18.2.253',
};
const QUICK: Delays = {
  ...{ natMs: 300, imageMs: 200, changeMs: 300, iamMs: 300, terminatedMs: 60_000, haltSeconds: 1 },
};

/** Notes what it was asked for; a boot takes `bootMs`. */
export class MemoryMachines implements Machines {
  readonly booted: MachineSpec[] = [];
  readonly halted: string[] = [];
  readonly cut: string[] = [];
  readonly removed: string[] = [];
  bootMs = 50;
  readonly #running = new Set<string>();
  #tell: (instanceId: string, reason: ExitReason) => void = () => undefined;

  async boot(spec: MachineSpec): Promise<void> {
    await sleep(this.bootMs);
    this.booted.push(spec);
    this.#running.add(spec.instanceId);
  }
  async stop(instanceId: string): Promise<void> {
    await sleep(this.bootMs);
    this.halted.push(instanceId);
    this.#running.delete(instanceId);
  }
  async reboot(): Promise<void> {}
  async powerCut(instanceId: string): Promise<void> {
    this.cut.push(instanceId);
    this.#running.delete(instanceId);
  }
  async remove(instanceId: string): Promise<void> {
    this.removed.push(instanceId);
  }
  async console(instanceId: string): Promise<string> {
    return `console of ${instanceId}\n`;
  }
  async captureLayer(instanceId: string, folder: string): Promise<void> {
    if (this.#running.has(instanceId)) throw new Error(`Cannot capture "${instanceId}": it runs`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'written-by'), instanceId);
  }
  running(): readonly string[] {
    return [...this.#running];
  }
  onExit(listener: (instanceId: string, reason: ExitReason) => void): void {
    this.#tell = listener;
  }
  /** As if the machine ended by itself. */
  exit(instanceId: string, reason: ExitReason): void {
    this.#running.delete(instanceId);
    this.#tell(instanceId, reason);
  }
  async destroy(): Promise<void> {
    this.#running.clear();
  }
}

export class MemoryNetwork implements Network {
  model: NetworkModel | undefined;
  async apply(model: NetworkModel): Promise<void> {
    this.model = model;
  }
  async destroy(): Promise<void> {}
  machineNamespace = (interfaceId: string): string => interfaceId;
  internetNamespace = (): string => 'internet';
  async setLink(): Promise<void> {}
}

export interface TestFront extends AsyncDisposable {
  readonly home: string;
  readonly url: string;
  readonly front: OpenFront;
  readonly machines: MemoryMachines;
  readonly network: MemoryNetwork;
  readonly ec2: EC2Client;
  readonly s3: S3Client;
  readonly iam: IAMClient;
  readonly sts: STSClient;
  readonly route53: Route53Client;
  readonly sourceImageId: string;
  fault(fault: FaultInput): Promise<void>;
  clearFaults(): Promise<void>;
  get(path: string): Promise<unknown>;
}

export async function startFront(delays: Partial<Delays> = {}): Promise<TestFront> {
  const home = mkdtempSync(join(tmpdir(), 'zonewright-front-'));
  const [motoPort, s3Port] = [await freePort(), await freePort()];
  const root = { accessKeyId: 'root-of-s3', secretAccessKey: 'secret-of-s3' };
  mkdirSync(join(home, 's3'));
  mkdirSync(join(home, 's3-versions'));
  const children = [
    await run(await obtain('moto'), ['-H', '127.0.0.1', '-p', String(motoPort)], {}, motoPort),
    await run(
      await obtain('versitygw'),
      [
        '--port',
        `127.0.0.1:${s3Port}`,
        '--region',
        REGION,
        '--quiet',
        'posix',
        '--versioning-dir',
        join(home, 's3-versions'),
        join(home, 's3'),
      ],
      { ROOT_ACCESS_KEY: root.accessKeyId, ROOT_SECRET_KEY: root.secretAccessKey },
      s3Port,
    ),
  ];
  const [machines, network] = [new MemoryMachines(), new MemoryNetwork()];
  const front = await openFront({
    ...{ home, region: REGION, accountId: ACCOUNT, addresses: ADDRESSES, admin: ADMIN, machines, network },
    motoUrl: `http://127.0.0.1:${motoPort}`,
    s3: { url: `http://127.0.0.1:${s3Port}`, ...root },
    delays: { ...QUICK, ...delays },
  });
  const { id: sourceImageId } = front.registerSourceImage('debian-12-source', join(home, 'source'));
  const url = `http://127.0.0.1:${await front.listen('127.0.0.1', 0)}`;
  const settings = { region: REGION, endpoint: url, credentials: ADMIN, maxAttempts: 1 };
  const clients = {
    ec2: new EC2Client(settings),
    s3: new S3Client({ ...settings, forcePathStyle: true }),
    iam: new IAMClient(settings),
    sts: new STSClient(settings),
    route53: new Route53Client(settings),
  };
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${url}/_sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  return {
    ...{ home, url, front, machines, network, sourceImageId, ...clients },
    fault: async (fault) => void (await ask('POST', 'faults', fault)),
    clearFaults: async () => void (await ask('DELETE', 'faults')),
    get: (path) => ask('GET', path),
    [Symbol.asyncDispose]: async () => {
      for (const client of Object.values(clients)) client.destroy();
      await front.close();
      for (const child of children) await end(child);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Clients that sign as somebody else. */
export const clientSettings = (
  front: TestFront,
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
) => ({ region: REGION, endpoint: front.url, credentials, maxAttempts: 1 });

/** Resolves to the code of the error that the call fails with. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    return (error as { Code?: string; name: string }).Code ?? (error as Error).name;
  }
  return 'no error';
}

export async function until<T>(look: () => Promise<T | undefined | false>, ms = 5000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error('It did not come about in time');
    await sleep(25);
  }
}

async function run(
  command: string,
  args: string[],
  env: Record<string, string>,
  port: number,
): Promise<ChildProcess> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
  await until(() => accepts(port), 30_000);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
