/** What a machine asks EC2 about itself, over IMDSv2. */
export interface NodeFacts {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly privateIp: string;
  readonly availabilityZone: string;
  readonly region: string;
}

const TIMEOUT_MS = 5000;

/** `AWS_EC2_METADATA_SERVICE_ENDPOINT` is the SDK's own variable. */
const base = (): string => process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? 'http://169.254.169.254';

/** @throws {Error} when the service does not answer as EC2's does */
export async function readNodeFacts(): Promise<NodeFacts> {
  const token = await ask('PUT', '/latest/api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': '300' });
  const get = (path: string) =>
    ask('GET', `/latest/meta-data/${path}`, { 'x-aws-ec2-metadata-token': token });
  const [instanceId, instanceType, privateIp, availabilityZone, region] = await Promise.all([
    get('instance-id'),
    get('instance-type'),
    get('local-ipv4'),
    get('placement/availability-zone'),
    get('placement/region'),
  ]);
  return { instanceId, instanceType, privateIp, availabilityZone, region };
}

async function ask(method: string, path: string, headers: Record<string, string>): Promise<string> {
  const url = new URL(path, base());
  const response = await fetch(url, { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`Cannot read instance metadata "${path}": status ${response.status}`);
  return (await response.text()).trim();
}
