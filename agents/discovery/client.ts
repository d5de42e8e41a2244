import { Etcd3 } from 'etcd3';
import { readFileSync } from 'node:fs';

/** How an agent reaches the discovery etcd: its certificate is its user. */
export interface DiscoveryAccess {
  /** `https://<address>:2389`: where members may live, whether one does or not. */
  readonly endpoints: readonly string[];
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const PROBE_MS = 3_000;
const CALL_MS = 5_000;

/**
 * A client of the first member that answers a read which needs a quorum; the caller closes it. Files are read anew,
 * so a new certificate needs no restart.
 *
 * @param key any key that the user may read
 * @throws {Error} when no member answers, or all refuse
 */
export async function openDiscovery(access: DiscoveryAccess, key: string): Promise<Etcd3> {
  const clients = access.endpoints.map((endpoint) => connect(access, endpoint));
  let chosen: Etcd3 | undefined;
  try {
    chosen = await Promise.any(
      clients.map(async (client) => {
        await client
          .get(key)
          .options({ deadline: Date.now() + PROBE_MS })
          .exec();
        return client;
      }),
    );
    return chosen;
  } catch (error) {
    const reasons = (error as AggregateError).errors.map((each) =>
      (each as Error).message.replace(/^4 DEADLINE_EXCEEDED.*/s, 'no answer in time'),
    );
    throw new Error(
      `no member answers at ${access.endpoints.join(', ')}: ${[...new Set(reasons)].join('; ')}`,
    );
  } finally {
    for (const client of clients) if (client !== chosen) client.close();
  }
}

function connect({ caFile, certFile, keyFile }: DiscoveryAccess, endpoint: string): Etcd3 {
  return new Etcd3({
    hosts: [endpoint],
    credentials: {
      rootCertificate: readFileSync(caFile),
      certChain: readFileSync(certFile),
      privateKey: readFileSync(keyFile),
    },
    grpcOptions: {
      // Members' certificates bear this name beside their addresses; the client cannot check addresses.
      'grpc.ssl_target_name_override': 'localhost',
      // A member whose machine is gone says nothing: it is noticed by this. etcd takes offence at less than 5 s.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 3_000,
      'grpc.keepalive_permit_without_calls': 1,
    },
    dialTimeout: PROBE_MS,
    defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: Date.now() + CALL_MS }),
  });
}
