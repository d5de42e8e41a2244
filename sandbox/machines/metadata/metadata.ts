/** The instance metadata service: in every VPC's router at 169.254.169.254, answered by this process. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { ObservableNetwork } from '../../network/model.ts';
import { METADATA_ADDRESS } from '../../network/router-rules.ts';
import type { MetadataSource } from '../model.ts';
import { answer } from './answer.ts';
import { listenInside } from './listen-inside.ts';
import { SessionTokens } from './tokens.ts';

export interface MetadataService {
  /** Stops listening and hangs up. */
  close(): Promise<void>;
}

/**
 * Serves every VPC of the network, those of its current model and those that come: when `network.apply` has returned,
 * the service answers in them. Who asks is told by VPC and source address, which a machine cannot forge.
 */
export async function openMetadata(options: {
  readonly network: ObservableNetwork;
  readonly source: MetadataSource;
}): Promise<MetadataService> {
  const listeners = new Map<string, Server>();
  const tokens = new SessionTokens();
  const connections = new Set<Socket>();
  const serve = async (vpcIds: readonly string[]): Promise<void> => {
    for (const [vpcId, server] of listeners) {
      if (!vpcIds.includes(vpcId) && listeners.delete(vpcId)) server.close();
    }
    await Promise.all(
      vpcIds
        .filter((vpcId) => !listeners.has(vpcId))
        .map(async (vpcId) => {
          const server = await listenInside(options.network.routerNamespace(vpcId), METADATA_ADDRESS, 80);
          listeners.set(vpcId, server);
          const http = createServer(
            (request, response) => void respond(vpcId, request, response, options.source, tokens),
          );
          server.on('connection', (socket: Socket) => {
            connections.add(socket.once('close', () => connections.delete(socket)));
            http.emit('connection', socket);
          });
        }),
    );
  };
  const stop = await options.network.onApplied((model) => serve(model.vpcs.map((vpc) => vpc.id)));
  return {
    close: async () => {
      stop();
      await serve([]);
      for (const socket of connections) socket.destroy();
    },
  };
}

async function respond(
  vpcId: string,
  request: IncomingMessage,
  response: ServerResponse,
  source: MetadataSource,
  tokens: SessionTokens,
): Promise<void> {
  const { method = 'GET', url = '/', headers } = request;
  const path = url.split('?')[0] ?? '/';
  const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  try {
    const found = await answer({ method, path, headers, vpcId, address }, source, tokens);
    response.writeHead(found.status, {
      'content-type': contentType(path),
      server: 'EC2ws',
      ...found.headers,
    });
    response.end(found.body);
  } catch {
    // The source failed; clients of the service take this for a reason to try again.
    response.writeHead(500).end();
  }
}

const contentType = (path: string): string =>
  path.endsWith('/user-data') ? 'application/octet-stream' : 'text/plain';
