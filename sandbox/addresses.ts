/** Chooses what keeps sandboxes on one computer apart: an index with its addresses, and ports. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SandboxError } from './errors.ts';
import { namespacesOf } from './network/destroy.ts';
import type { SandboxAddresses } from './network/model.ts';
import { computerLink } from './network/names.ts';
import { readState } from './state.ts';
import { withLock } from './toolchain/lock.ts';

const INDEXES = 16;
/** Which sandbox's state folder holds which index; gone after a restart of the computer, as the networks are. */
const RESERVATIONS = '/run/zonewright';
/** Below the range that the kernel takes outgoing connections' ports from. */
const FIRST_PORT = 21_000;
const PORTS_PER_SANDBOX = 100;

export function addressesOf(index: number): SandboxAddresses {
  return {
    index,
    computer: `198.18.${index * 2}.1`,
    internet: `198.18.${index * 2}.2`,
    elasticCidr: `198.19.${index * 2}.0/24`,
    nameServerCidr: `198.19.${index * 2 + 1}.0/24`,
    resolver: `198.19.${index * 2 + 1}.253`,
  };
}

/** Takes the lowest index that no sandbox, network or route of this computer uses. @throws {SandboxError} `no-index` */
export function reserveIndex(home: string): Promise<number> {
  mkdirSync(RESERVATIONS, { recursive: true });
  return withLock(join(RESERVATIONS, 'index.lock'), async () => {
    for (let index = 0; index < INDEXES; index++) {
      if (!(await isFree(index, home))) continue;
      writeFileSync(reservation(index), home);
      return index;
    }
    throw new SandboxError(
      'no-index',
      `Cannot start a sandbox: ${INDEXES} run on this computer already, expected fewer`,
    );
  });
}

/** Gives back the index that `home` holds. */
export function releaseIndex(home: string): void {
  const index = reservedIndex(home);
  if (index !== undefined) rmSync(reservation(index), { force: true });
}

/** The index that `home` holds, which is known even when its state file is lost. */
export function reservedIndex(home: string): number | undefined {
  for (let index = 0; index < INDEXES; index++) {
    if (holderOf(index) === home) return index;
  }
  return undefined;
}

function holderOf(index: number): string | undefined {
  return existsSync(reservation(index)) ? readFileSync(reservation(index), 'utf8') : undefined;
}

const reservation = (index: number): string => join(RESERVATIONS, `index-${index}`);

async function isFree(index: number, home: string): Promise<boolean> {
  const holder = holderOf(index);
  // A holder whose state is gone was removed without `down`; the network tells whether anything is left.
  if (holder !== undefined && holder !== home && readState(holder)) return false;
  if (existsSync(`/sys/class/net/${computerLink(index)}`)) return false;
  return (await namespacesOf(index)).length === 0 && !isRouted(addressesOf(index));
}

/** Whether a route of this computer, other than the default one, leads to the sandbox's addresses already. */
function isRouted({ computer, elasticCidr, nameServerCidr }: SandboxAddresses): boolean {
  const wanted = [computer, elasticCidr, nameServerCidr].map((block) =>
    fromDotted(block.split('/')[0] ?? block),
  );
  return readRoutes().some(
    ({ network, mask }) => mask !== 0 && wanted.some((at) => (at & mask) >>> 0 === network),
  );
}

function readRoutes(): { network: number; mask: number }[] {
  const rows = readFileSync('/proc/net/route', 'utf8').trim().split('\n').slice(1);
  return rows.map((row) => {
    const fields = row.split('\t');
    return { network: fromKernel(fields[1]), mask: fromKernel(fields[7]) };
  });
}

const fromDotted = (address: string): number =>
  address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
/** The kernel prints addresses as hexadecimal words in the computer's own byte order. */
const fromKernel = (word = '0'): number => Buffer.from(word.padStart(8, '0'), 'hex').readUInt32LE(0);

/**
 * As many free ports as names: from a block by the sandbox's index, so that addresses stay the same from run to
 * run, or exactly from `base` on.
 * @throws {SandboxError} `port-in-use`
 */
export async function choosePorts<Name extends string>(
  names: readonly Name[],
  index: number,
  base?: number,
): Promise<Record<Name, number>> {
  const first = base ?? FIRST_PORT + index * PORTS_PER_SANDBOX;
  const last = base === undefined ? first + PORTS_PER_SANDBOX : base + names.length;
  const free: number[] = [];
  for (let port = first; port < last && free.length < names.length; port++) {
    if (await isFreePort(port)) free.push(port);
    else if (base !== undefined) throw new SandboxError('port-in-use', portInUse(port, base, names.length));
  }
  if (free.length < names.length) {
    throw new SandboxError(
      'port-in-use',
      `Cannot find ${names.length} free ports from ${first} to ${last - 1}`,
    );
  }
  return Object.fromEntries(names.map((name, i) => [name, free[i]])) as Record<Name, number>;
}

const portInUse = (port: number, base: number, count: number): string =>
  `Cannot listen on port ${port}: it is in use, expected ports ${base} to ${base + count - 1} to be free`;

/** Free at every IPv4 address, since the sandbox's own do not exist before its network does. */
function isFreePort(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer()
    .once('error', () => resolve(false))
    .listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}
