import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { z } from 'zod';

const kubeconfigSchema = z.object({
  clusters: z
    .array(z.object({ cluster: z.object({ server: z.url(), 'certificate-authority': z.string() }) }))
    .min(1),
  users: z
    .array(z.object({ user: z.object({ 'client-certificate': z.string(), 'client-key': z.string() }) }))
    .min(1),
});

const ANSWER_MS = 10_000;
/** The API server sends a bookmark at least every minute. */
const SILENCE_MS = 90_000;

/** The API server's own refusal. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly status: number;

  constructor(action: string, status: number, body: string) {
    super(`Cannot ${action}: ${status} ${body.slice(0, 300)}`);
    this.status = status;
  }
}

/**
 * The little of the API that an agent of a node needs, by the kubelet's own kubeconfig. The client library would take
 * more memory than the rest of the agent.
 */
export class KubernetesApi {
  readonly #kubeconfig: string;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  async get(path: string, signal: AbortSignal): Promise<unknown> {
    return JSON.parse(await textOf(await this.#send('GET', path, { signal, timeout: ANSWER_MS })));
  }

  /** A strategic merge patch: lists of conditions are merged by their types. */
  async patch(path: string, body: unknown, signal: AbortSignal): Promise<void> {
    const options = { signal, timeout: ANSWER_MS, body: JSON.stringify(body) };
    await textOf(await this.#send('PATCH', path, options));
  }

  /** Documents of a watch, one for each line, until the server ends it. */
  async *watch(path: string, signal: AbortSignal): AsyncGenerator<unknown> {
    const answer = await this.#send('GET', path, { signal, timeout: SILENCE_MS });
    answer.setEncoding('utf8');
    let rest = '';
    for await (const text of answer as AsyncIterable<string>) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line);
    }
  }

  /** Files are read anew for each request, so a new certificate needs no restart. */
  #send(
    method: string,
    path: string,
    options: { readonly signal: AbortSignal; readonly timeout: number; readonly body?: string },
  ): Promise<IncomingMessage> {
    const { clusters, users } = kubeconfigSchema.parse(parse(readFileSync(this.#kubeconfig, 'utf8')));
    const { server, 'certificate-authority': authority } = clusters[0]!.cluster;
    const { 'client-certificate': certificate, 'client-key': key } = users[0]!.user;
    const agent = new Agent({
      ca: readFileSync(authority),
      cert: readFileSync(certificate),
      key: readFileSync(key),
      keepAlive: false,
    });
    const headers = {
      accept: 'application/json',
      ...(options.body === undefined ? {} : { 'content-type': 'application/strategic-merge-patch+json' }),
    };
    return new Promise((resolve, reject) => {
      const { signal, timeout } = options;
      const call = request(new URL(path, server), { method, headers, agent, signal, timeout }, (answer) => {
        if (answer.statusCode !== undefined && answer.statusCode < 300) return resolve(answer);
        textOf(answer).then(
          (text) => reject(new ApiRefusal(`${method} ${path}`, answer.statusCode ?? 0, text)),
          reject,
        );
      });
      call.on('timeout', () => call.destroy(new Error(`the API server is silent: ${method} ${path}`)));
      call.on('error', reject);
      call.end(options.body);
    });
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of answer as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
