/** Gives a verb the Temporal client of the current context and closes it afterwards. */
import type { Client } from '@temporalio/client';
import type { ZonewrightContext } from '../contexts.ts';

export interface Session {
  readonly context: ZonewrightContext;
  readonly client: Client;
}

export async function withTemporal<T>(body: (session: Session) => Promise<T>): Promise<T> {
  const { loadContext } = await import('../contexts.ts');
  const { connectTemporal } = await import('../temporal.ts');
  const context = loadContext();
  const client = await connectTemporal(context);
  try {
    return await body({ context, client });
  } finally {
    await client.connection.close();
  }
}
