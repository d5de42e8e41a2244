/** The emulator behind the front: passes calls on, and asks it on the front's own behalf. */
import { Agent, request } from 'undici';
import { AwsError } from './call.ts';
import type { Answer, Call } from './call.ts';
import { errorCodeOf } from './refusal.ts';
import { parseXml } from './xml.ts';
import type { XmlObject } from './xml.ts';

const VERSIONS: Readonly<Record<string, string>> = {
  ec2: '2016-11-15',
  iam: '2010-05-08',
  sts: '2011-06-15',
};

/** Hop-by-hop, or said anew by the front. */
const DROPPED = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'expect',
  'authorization',
]);

export class Emulator {
  readonly #url: string;
  readonly #region: string;
  readonly #accountId: string;
  // The emulator closes idle connections without a word, so that reuse would lose requests.
  readonly #agent = new Agent({ pipelining: 0, connections: 8, headersTimeout: 60_000 });

  constructor(url: string, region: string, accountId: string) {
    this.#url = url;
    this.#region = region;
    this.#accountId = accountId;
  }

  /** Passes a call on as it is. */
  async forward(call: Call): Promise<Answer> {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(call.headers)) {
      if (!DROPPED.has(name) && value !== undefined) headers[name] = String(value);
    }
    const body = call.params.size > 0 ? call.params.toString() : call.body;
    const query = call.query.size > 0 ? `?${call.query.toString()}` : '';
    return this.#send(call.service, call.method, `${call.path}${query}`, headers, body);
  }

  /** Asks with the query protocol; answers the fields of the document. @throws {AwsError} as the emulator refuses */
  async ask(
    service: string,
    action: string,
    params: Readonly<Record<string, string>> = {},
  ): Promise<XmlObject> {
    const body = new URLSearchParams({
      Action: action,
      Version: VERSIONS[service] ?? '',
      ...params,
    }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const answer = await this.#send(service, 'POST', '/', headers, body);
    const fields = answer.document?.fields ?? {};
    const result = fields[`${action}Result`];
    return typeof result === 'object' ? (result as XmlObject) : fields;
  }

  ec2(action: string, params: Readonly<Record<string, string>> = {}): Promise<XmlObject> {
    return this.ask('ec2', action, params);
  }

  /** Forgets everything. */
  async reset(): Promise<void> {
    await request(`${this.#url}/moto-api/reset`, { method: 'POST', dispatcher: this.#agent }).then((answer) =>
      answer.body.dump(),
    );
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #send(
    service: string,
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | Buffer,
  ): Promise<Answer> {
    const scope = `20260101/${this.#region}/${service}/aws4_request`;
    // The emulator checks no signature; it takes service and region from here.
    const authorization = `AWS4-HMAC-SHA256 Credential=front/${scope}, SignedHeaders=host, Signature=0`;
    const answer = await request(`${this.#url}${path}`, {
      method: method as 'POST',
      headers: { ...headers, authorization, 'x-moto-account-id': this.#accountId },
      body: method === 'GET' || method === 'HEAD' ? null : body,
      dispatcher: this.#agent,
      reset: true,
    });
    return readAnswer(answer.statusCode, answer.headers, Buffer.from(await answer.body.arrayBuffer()));
  }
}

function readAnswer(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: Buffer,
): Answer {
  const type = String(headers['content-type'] ?? '');
  const text = body.toString();
  if (status >= 300) {
    const code = errorCodeOf(text);
    const message =
      /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? /"[mM]essage"\s*:\s*"([^"]*)"/.exec(text)?.[1];
    throw new AwsError(code ?? 'InternalError', message ?? text.slice(0, 500), status);
  }
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz') || name === 'location' || name === 'content-type')
      kept[name] = String(value);
  }
  if (/^\s*<(\?xml|[A-Z])/.test(text) && !type.includes('json')) {
    return { status, headers: kept, document: parseXml(text) };
  }
  return { status, headers: kept, body };
}
