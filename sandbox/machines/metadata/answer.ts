/** One request to the metadata service and its answer, apart from sockets. */
import type { IncomingHttpHeaders } from 'node:http';
import type { InstanceFacts, MetadataSource } from '../model.ts';
import { MAX_TTL_SECONDS } from './tokens.ts';
import type { SessionTokens } from './tokens.ts';
import { instanceTree, look } from './tree.ts';
import type { Leaf } from './tree.ts';

/** Versions of the service that clients in use ask for; each answers the same. */
const VERSIONS = [
  '2016-09-02',
  '2018-09-24',
  '2021-03-23',
  '2021-07-15',
  '2022-09-24',
  '2024-04-11',
  'latest',
];
const TOKEN_PATH = '/latest/api/token';
const TOKEN = 'x-aws-ec2-metadata-token';
const TTL = 'x-aws-ec2-metadata-token-ttl-seconds';

export interface MetadataRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly vpcId: string;
  /** Source address of the connection: with the VPC it tells which instance asks. */
  readonly address: string;
}

export interface MetadataAnswer {
  readonly status: number;
  readonly body: Leaf;
  readonly headers?: Readonly<Record<string, string>>;
}

const refusal = (status: number, reason: string): MetadataAnswer => ({
  status,
  body: `${status} - ${reason}\n`,
});

/** Answers as IMDSv2 does: nothing without a token, and a token only to who is no proxy. */
export async function answer(
  request: MetadataRequest,
  source: MetadataSource,
  tokens: SessionTokens,
): Promise<MetadataAnswer> {
  const facts = await source.facts(request.vpcId, request.address);
  if (facts === undefined) return refusal(404, 'Not Found');
  if (request.path === TOKEN_PATH) return grantToken(request, facts, tokens);
  if (request.method !== 'GET' && request.method !== 'HEAD') return refusal(405, 'Method Not Allowed');
  const token = request.headers[TOKEN];
  if (typeof token !== 'string' || !tokens.valid(token, facts.instanceId))
    return refusal(401, 'Unauthorized');
  const body = await find(request.path, facts, source);
  return body === undefined ? refusal(404, 'Not Found') : { status: 200, body };
}

function grantToken(request: MetadataRequest, facts: InstanceFacts, tokens: SessionTokens): MetadataAnswer {
  if (request.method !== 'PUT') return refusal(405, 'Method Not Allowed');
  if (request.headers['x-forwarded-for'] !== undefined) return refusal(403, 'Forbidden');
  const asked = request.headers[TTL];
  const seconds = typeof asked === 'string' && /^\d{1,6}$/.test(asked) ? Number(asked) : 0;
  if (seconds < 1 || seconds > MAX_TTL_SECONDS) return refusal(400, 'Bad Request');
  return { status: 200, body: tokens.issue(facts.instanceId, seconds), headers: { [TTL]: String(seconds) } };
}

async function find(path: string, facts: InstanceFacts, source: MetadataSource): Promise<Leaf | undefined> {
  const [, version = '', ...rest] = path.split('/');
  if (version === '') return VERSIONS.join('\n');
  if (!VERSIONS.includes(version)) return undefined;
  const tree = instanceTree(facts, () => source.credentials(facts.instanceId));
  return look(tree, rest.map(decodeName).join('/'));
}

/** Tag keys may hold spaces; what is no valid escape stands for itself. */
function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
