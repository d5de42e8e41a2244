/** The front's own endpoint, `/_sandbox/…`: log of calls, inventory, faults, health. For the computer itself only. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ZodError, z } from 'zod';
import type { CallLog } from './call-log.ts';
import { faultSchema } from './faults.ts';
import type { Faults } from './faults.ts';
import type { InventoryItem } from './inventory.ts';
import { readAll } from './passage.ts';

export interface ControlParts {
  readonly log: CallLog;
  readonly faults: Faults;
  readonly inventory: () => Promise<InventoryItem[]>;
  /** Rejects with what is wrong. */
  readonly health: () => Promise<void>;
  /** Domains that the root name server delegates, beside the environment's. */
  readonly registerDomain: (domain: string) => Promise<void>;
  /** The computer's address in the sandbox's network. */
  readonly computer: string;
}

const domainSchema = z.strictObject({ domain: z.string().regex(/^([a-z0-9-]+\.)+[a-z0-9-]+\.?$/) });

type Handler = (parts: ControlParts, request: IncomingMessage, url: URL) => unknown;

const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET /_sandbox/health': async ({ health }) => {
    await health();
    return { ok: true };
  },
  'GET /_sandbox/calls': ({ log }, _, url) => log.since(Number(url.searchParams.get('since') ?? '0')),
  'GET /_sandbox/inventory': ({ inventory }) => inventory(),
  'GET /_sandbox/faults': ({ faults }) => faults.list(),
  'POST /_sandbox/faults': async ({ faults }, request) => {
    const body: unknown = JSON.parse((await readAll(request)).toString());
    const given = z.array(faultSchema).parse(Array.isArray(body) ? body : [body]);
    return { ids: given.map((fault) => faults.add(fault)) };
  },
  'DELETE /_sandbox/faults': ({ faults }) => {
    faults.clear();
    return { ok: true };
  },
  'POST /_sandbox/domains': async ({ registerDomain }, request) => {
    const body: unknown = JSON.parse((await readAll(request)).toString());
    await registerDomain(domainSchema.parse(body).domain);
    return { ok: true };
  },
};

export async function control(
  parts: ControlParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const reply = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  };
  const from = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  if (!from.startsWith('127.') && from !== parts.computer) return reply(403, { error: `Not for ${from}` });
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const handler = HANDLERS[`${request.method} ${url.pathname}`];
  if (handler === undefined) return reply(404, { error: `No ${request.method} ${url.pathname}` });
  try {
    reply(200, await handler(parts, request, url));
  } catch (error) {
    const bad = error instanceof ZodError || error instanceof SyntaxError;
    reply(bad ? 400 : 503, { error: error instanceof ZodError ? z.prettifyError(error) : String(error) });
  }
}
