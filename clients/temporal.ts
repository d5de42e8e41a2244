/** The typed Temporal client of a context. */
import { readFileSync } from 'node:fs';
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
