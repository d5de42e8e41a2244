import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { connect, isIPv6 } from 'node:net';
import { ZonewrightError } from '../../domain/errors.ts';
import {
  decodeMessage,
  encodeQuery,
  RECORD_TYPES,
  type DnsAnswerRecord,
  type DnsMessage,
  type RecordType,
} from './dns-message.ts';

export interface DnsSettings {
  /** Recursive resolvers as `address` or `address:port`; the computer's own without it. */
  readonly resolvers?: readonly string[];
  /** Port of authoritative name servers. */
  readonly port?: number;
}

interface Server {
  readonly address: string;
  readonly port: number;
}

export interface Question {
  readonly name: string;
  readonly type: RecordType;
  /** False to ask an authoritative server for what it itself knows. */
  readonly recursive: boolean;
}

const TIMEOUT_MS = 3_000;

/** Asks DNS itself and not an API: what it answers is what the world sees. */
export class DnsLookup {
  readonly #resolvers: readonly Server[];
  readonly #port: number;

  constructor(settings: DnsSettings = {}) {
    this.#port = settings.port ?? 53;
    this.#resolvers = (settings.resolvers ?? getServers()).map((text) => serverOf(text));
  }

  /** Asks the recursive resolvers, one after another until one answers. */
  async resolve(name: string, type: RecordType, signal: AbortSignal): Promise<string[]> {
    const message = await firstAnswer(this.#resolvers, { name, type, recursive: true }, signal);
    return valuesOfType(message.answers, type, name);
  }

  /** Asks the name servers of these names, by their addresses, for what they themselves know. */
  async askAuthority(
    nameServers: readonly string[],
    name: string,
    type: RecordType,
    signal: AbortSignal,
  ): Promise<DnsMessage> {
    const addresses = await Promise.all(
      nameServers.map((server) => this.resolve(server, 'A', signal).catch(() => [])),
    );
    const servers = addresses.flat().map((address) => ({ address, port: this.#port }));
    if (servers.length === 0) {
      throw new ZonewrightError(
        'CloudUnavailable',
        `Cannot ask name servers ${nameServers.join(', ')}: none of them has an address`,
      );
    }
    return firstAnswer(servers, { name, type, recursive: false }, signal);
  }
}

/** Values of one type; for addresses whatever name an alias led to. */
export const valuesOfType = (
  records: readonly DnsAnswerRecord[],
  type: RecordType,
  name?: string,
): string[] =>
  records
    .filter((record) => record.type === RECORD_TYPES[type])
    .filter((record) => type !== 'NS' || name === undefined || record.name === name.toLowerCase())
    .map(({ value }) => value)
    .toSorted();

function serverOf(text: string): Server {
  if (isIPv6(text)) return { address: text, port: 53 };
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  return { address: bracketed ?? plain ?? text, port: Number(port ?? 53) };
}

async function firstAnswer(
  servers: readonly Server[],
  question: Question,
  signal: AbortSignal,
): Promise<DnsMessage> {
  let last: unknown;
  for (const server of servers) {
    signal.throwIfAborted();
    try {
      const message = await ask(server, question);
      // 2 and 5: this server fails or refuses; another may not.
      if (message.code === 0 || message.code === 3) return message;
      last = new Error(`${server.address} answered with code ${message.code}`);
    } catch (error) {
      last = error;
    }
  }
  throw new ZonewrightError('CloudUnavailable', `Cannot look up "${question.name}": no name server answers`, {
    cause: last,
    details: { servers: servers.map(({ address, port }) => `${address}:${port}`) },
  });
}

/** By datagram, and by stream when the answer does not fit. */
async function ask(server: Server, question: Question): Promise<DnsMessage> {
  const id = randomInt(0x10000);
  const query = encodeQuery(id, question.name, question.type, question.recursive);
  const message = await askByDatagram(server, query, id);
  return message.isTruncated ? askByStream(server, query) : message;
}

function askByDatagram({ address, port }: Server, query: Buffer, id: number): Promise<DnsMessage> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const timer = setTimeout(() => done(new Error(`${address}:${port} does not answer`)), TIMEOUT_MS);
    const done = (result: Error | DnsMessage) => {
      clearTimeout(timer);
      socket.close();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    socket.once('error', done);
    // Connected, so that only this server's datagrams arrive.
    socket.connect(port, address, () => socket.send(query));
    socket.on('message', (bytes) => {
      if (bytes.length < 12 || bytes.readUInt16BE(0) !== id) return;
      done(decoded(bytes));
    });
  });
}

function askByStream({ address, port }: Server, query: Buffer): Promise<DnsMessage> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, timeout: TIMEOUT_MS });
    let received = Buffer.alloc(0);
    socket.once('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.length);
      socket.write(Buffer.concat([length, query]));
    });
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      socket.destroy();
      const result = decoded(received.subarray(2));
      if (result instanceof Error) reject(result);
      else resolve(result);
    });
    socket.on('timeout', () => socket.destroy(new Error(`${address}:${port} does not answer`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${address}:${port} closed the connection`)));
  });
}

function decoded(bytes: Buffer): DnsMessage | Error {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    return error as Error;
  }
}
