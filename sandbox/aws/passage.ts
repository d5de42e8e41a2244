/** One request on its way through the front: how it is read, and how it is answered or refused. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AwsError } from './call.ts';
import type { Answer, Call } from './call.ts';
import type { Identity } from './identity.ts';
import { renderRefusal } from './refusal.ts';
import { routeAction } from './route53/actions.ts';
import type { SignatureClaim } from './signature.ts';
import { NoAnswer } from './striking.ts';
import { renderXml } from './xml.ts';

/** What is known so far of a request under way. */
export interface Passage {
  readonly id: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly startedAt: number;
  service: string;
  action: string;
  status: number;
  code?: string;
  identity?: Identity;
  fault: string | undefined;
}

export function readCall(
  passage: Passage,
  claim: SignatureClaim,
  request: IncomingMessage,
  body: Buffer,
): Omit<Call, 'identity'> {
  const form = String(request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  const params = form ? new URLSearchParams(body.toString()) : new URLSearchParams();
  const method = request.method ?? 'GET';
  const target = String(request.headers['x-amz-target'] ?? '')
    .split('.')
    .at(-1);
  const action =
    params.get('Action') ??
    (claim.service === 'route53' ? routeAction(method, passage.path) : undefined) ??
    (target || `${method} ${passage.path}`);
  const { id, path, query } = passage;
  return { id, service: claim.service, action, method, path, query, headers: request.headers, body, params };
}

export function send(answer: Answer, call: Pick<Call, 'id'>, response: ServerResponse): void {
  const { 'content-type': type, ...headers } = answer.headers;
  const body = answer.document === undefined ? answer.body : renderXml(answer.document);
  const contentType = answer.document === undefined ? type : 'text/xml;charset=UTF-8';
  const own = {
    'x-amzn-requestid': call.id,
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
  };
  response.writeHead(answer.status, { ...headers, ...own }).end(body);
}

export function refuse(passage: Passage, error: unknown, response: ServerResponse): void {
  if (error instanceof NoAnswer) return;
  const refusal =
    error instanceof AwsError
      ? error
      : new AwsError('InternalError', `The front failed: ${String(error)}`, 500);
  // A client that hangs up is no failure of the front.
  if (!(error instanceof AwsError) && !response.destroyed) console.error(error);
  passage.code = refusal.code;
  passage.status = refusal.status;
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { status, headers, body } = renderRefusal(passage.service, refusal, passage.id);
  response.writeHead(status, headers).end(response.req.method === 'HEAD' ? undefined : body);
}

const MOST_BUFFERED = 64 * 1024 * 1024;

export async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BUFFERED)
      throw new AwsError('EntityTooLarge', `Request of over ${MOST_BUFFERED} bytes`, 400);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
