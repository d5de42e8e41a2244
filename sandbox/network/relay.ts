import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * Passes connections on from one address of the computer to another. Temporal dials itself on the loopback address,
 * so it cannot listen only where the sandbox's internet reaches it.
 */
export async function openRelay(from: Endpoint, to: Endpoint): Promise<{ close(): Promise<void> }> {
  const open = new Set<Socket>();
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  };
  const server = createServer((near) => {
    const far = connect(to);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      keep(one);
      one.pipe(other);
      // Either end may vanish; the other learns it by the close.
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.listen(from);
  await once(server, 'listening');
  return {
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
