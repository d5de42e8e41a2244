/** The typed Temporal client of a context. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';
import type { ZonewrightContext } from './contexts.ts';
import { ClientError, EXIT } from './errors.ts';

/** How long a server may take to answer the first call. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Connects to the context's Temporal; close with `client.connection.close()`.
 *
 * @throws {ClientError} naming the address when nobody answers there
 */
export async function connectTemporal(context: ZonewrightContext): Promise<Client> {
  const { address, namespace } = context.temporal;
  try {
    await probe(address);
    const connection = await Connection.connect({
      ...connectionOptions(context),
      connectTimeout: CONNECT_TIMEOUT_MS,
    });
    return new Client({ connection, namespace });
  } catch (error) {
    throw new ClientError(EXIT.usage, `Cannot reach Temporal at "${address}" (context "${context.name}")`, {
      cause: error,
      expectation: 'a Temporal server at this address; "zonewright context show" says where it comes from',
    });
  }
}

/** gRPC tries again for as long as it may; where nobody listens that is known at once. */
function probe(address: string): Promise<void> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(address.slice(at + 1)), timeout: CONNECT_TIMEOUT_MS });
    socket.once('connect', () => resolve());
    socket.once('timeout', () => reject(new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`)));
    socket.once('error', reject);
    socket.once('connect', () => socket.destroy());
    socket.once('timeout', () => socket.destroy());
  });
}

/** Address and TLS of the context's Temporal, for clients and workers alike. */
export function connectionOptions({
  temporal,
}: ZonewrightContext): Pick<ConnectionOptions, 'address' | 'tls'> {
  const { address, tls } = temporal;
  if (tls === undefined) return { address };
  const { serverName, caFile, certFile, keyFile } = tls;
  const pair =
    certFile !== undefined && keyFile !== undefined
      ? { clientCertPair: { crt: readFileSync(certFile), key: readFileSync(keyFile) } }
      : {};
  return {
    address,
    tls: {
      ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
      ...(caFile === undefined ? {} : { serverRootCACertificate: readFileSync(caFile) }),
      ...pair,
    },
  };
}
