/** The endpoint: takes requests, finds out who calls what, runs the rules, answers, and writes it down. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { applies, AwsError, isRead } from './call.ts';
import type { Answer, Call, Next, Rule } from './call.ts';
import type { Access } from './access.ts';
import type { CallLog } from './call-log.ts';
import type { Faults } from './faults.ts';
import type { Identities, Identity } from './identity.ts';
import { readAll, readCall, refuse, send } from './passage.ts';
import type { Passage } from './passage.ts';
import { answerS3 } from './s3-front.ts';
import type { S3Parts } from './s3-front.ts';
import { readClaim, sha256 } from './signature.ts';
import type { StaleReads } from './stale-reads.ts';
import { strike } from './striking.ts';
import type { World } from './world.ts';
import type { XmlObject } from './xml.ts';

/** The front itself, where it looks something up. */
const INTERNAL: Identity = { kind: 'admin', arn: 'internal', userId: 'internal' };

export interface FrontParts {
  readonly world: World;
  readonly identities: Identities;
  readonly access: Access;
  readonly faults: Faults;
  readonly stale: StaleReads;
  readonly log: CallLog;
  readonly s3: S3Parts;
  readonly rules: readonly Rule[];
  /** Answers `/_sandbox/…`. */
  readonly control: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

export class Front {
  readonly #parts: FrontParts;
  readonly #servers: Server[] = [];

  constructor(parts: FrontParts) {
    this.#parts = parts;
  }

  /** Listens; answers the port. */
  listen(host: string, port: number): Promise<number> {
    const server = createServer((request, response) => void this.#take(request, response));
    // Uploads take as long as they take.
    server.requestTimeout = 0;
    server.keepAliveTimeout = 65_000;
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Reads as an administrator, rules applied; for rules and the inventory. */
  async read(
    service: string,
    action: string,
    params: Readonly<Record<string, string>> = {},
  ): Promise<XmlObject> {
    const call = {
      ...{ id: 'internal', service, action, method: 'POST', path: '/', query: new URLSearchParams() },
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      ...{ body: Buffer.alloc(0), identity: INTERNAL },
      params: new URLSearchParams({ Action: action, Version: '2016-11-15', ...params }),
    };
    return (await this.#chain(call)(call)).document?.fields ?? {};
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    const cut = url.indexOf('?');
    const path = cut === -1 ? url : url.slice(0, cut);
    if (path.startsWith('/_sandbox')) return this.#parts.control(request, response);
    const query = new URLSearchParams(cut === -1 ? '' : url.slice(cut + 1).replaceAll('+', '%2B'));
    const passage: Passage = {
      ...{ id: randomUUID(), path, query, startedAt: Date.now() },
      ...{ service: '', action: '', status: 0, fault: undefined },
    };
    try {
      await this.#answer(passage, request, response);
    } catch (error) {
      refuse(passage, error, response);
    }
    this.#note(passage);
  }

  async #answer(passage: Passage, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const claim = readClaim(request.headers, passage.query);
    if (claim === undefined) {
      passage.service = passage.path.length > 1 ? 's3' : 'ec2';
      const code = passage.service === 's3' ? 'AccessDenied' : 'MissingAuthenticationToken';
      throw new AwsError(code, 'Request is missing Authentication Token', 403);
    }
    passage.service = claim.service;
    if (claim.service === 's3') return answerS3(this.#parts.s3, passage, claim, request, response);
    const body = await readAll(request);
    const call = readCall(passage, claim, request, body);
    passage.action = call.action;
    const identity = this.#parts.identities.verify(claim, {
      ...{ method: call.method, path: passage.path, query: passage.query, headers: request.headers },
      payloadHash: sha256(body),
    });
    passage.identity = identity;
    const effects = this.#parts.faults.strike(call.service, call.action, (name) =>
      name === 'path' ? call.path : name === 'body' ? body.toString() : (call.params.get(name) ?? undefined),
    );
    passage.fault = effects[0]?.kind;
    const answer = await strike({
      ...{ service: call.service, effects, socket: request.socket },
      detach: async () => undefined,
      work: async () => {
        const identified = { ...call, identity };
        const result = await this.#perform(identified);
        for (const each of effects) {
          if (each.kind === 'stale-reads') this.#parts.stale.hide(identified, result, each.seconds);
        }
        return result;
      },
      discard: async () => undefined,
    });
    passage.status = answer.status;
    send(answer, call, response);
  }

  async #perform(call: Call): Promise<Answer> {
    const { world, access, stale } = this.#parts;
    await access.authorise(call);
    const inner = this.#chain(call);
    const chain: Next = applies(stale, call) ? (passed) => stale.apply(passed, inner) : inner;
    if (isRead(call.action)) return chain(call);
    if (call.service === 'iam') return chain(call).finally(() => access.forget());
    if (call.service !== 'ec2') return chain(call);
    return world.ec2Lock.run(async () => {
      try {
        return await chain(call);
      } finally {
        await world.mirror.follow(call.action);
      }
    });
  }

  #chain(call: Call): Next {
    const { world, rules } = this.#parts;
    return rules
      .filter((rule) => applies(rule, call))
      .reduceRight<Next>(
        (next, rule) => (passed) => rule.apply(passed, next),
        (passed) => world.emulator.forward(passed),
      );
  }

  #note(passage: Passage): void {
    this.#parts.log.add({
      at: new Date(passage.startedAt).toISOString(),
      service: passage.service,
      action: passage.action,
      ms: Date.now() - passage.startedAt,
      status: passage.status,
      requestId: passage.id,
      ...(passage.code === undefined ? {} : { error: passage.code }),
      ...(passage.identity === undefined ? {} : { identity: passage.identity.arn }),
      ...(passage.fault === undefined ? {} : { fault: passage.fault }),
    });
  }
}
