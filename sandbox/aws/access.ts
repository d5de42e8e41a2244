/** What a role's session may do: its policies as the emulator's IAM keeps them, evaluated for each call. */
import { AwsError } from './call.ts';
import type { Call } from './call.ts';
import type { Emulator } from './emulator.ts';
import type { Identity } from './identity.ts';
import { needsOf, requestContext } from './needs.ts';
import type { Context, Need } from './needs.ts';
import { evaluate } from './policy.ts';
import type { PolicyDocument, Verdict } from './policy.ts';
import { kindOfId } from './kinds.ts';
import { itemsOf, textOf } from './xml.ts';

export class Access {
  readonly #emulator: Emulator;
  readonly #region: string;
  readonly #accountId: string;
  readonly #policies = new Map<string, Promise<readonly PolicyDocument[]>>();

  constructor(emulator: Emulator, region: string, accountId: string) {
    this.#emulator = emulator;
    this.#region = region;
    this.#accountId = accountId;
  }

  /** Roles' policies are read anew after anything in IAM changed. */
  forget(): void {
    this.#policies.clear();
  }

  /** @throws {AwsError} where the caller's policies do not allow the call */
  async authorise(call: Call): Promise<void> {
    const { identity, service } = call;
    if (identity.kind === 'admin' || (service === 'sts' && call.action === 'GetCallerIdentity')) return;
    const needs = needsOf(call, this.#region, this.#accountId);
    const context = { ...requestContext(call), ...(await this.#resourceTags(identity.roleName, needs)) };
    await this.require(service, identity, needs, context);
  }

  /** @throws {AwsError} unless every need is allowed */
  async require(
    service: string,
    identity: Identity,
    needs: readonly Need[],
    context: Context = {},
  ): Promise<void> {
    for (const need of needs) {
      const verdict = await this.verdict(identity, need, context);
      if (verdict !== 'allowed') throw refusal(service, identity, need, verdict);
    }
  }

  async verdict(identity: Identity, need: Need, context: Context = {}): Promise<Verdict> {
    if (identity.kind === 'admin') return 'allowed';
    const caller = {
      'aws:userid': identity.userId,
      'aws:PrincipalArn': `arn:aws:iam::${this.#accountId}:role/${identity.roleName}`,
      'aws:PrincipalAccount': this.#accountId,
      'aws:PrincipalType': 'AssumedRole',
      'aws:CurrentTime': new Date().toISOString(),
      'aws:RequestedRegion': this.#region,
      'aws:SecureTransport': 'false',
    };
    return evaluate(await this.#policiesOf(identity.roleName), {
      ...need,
      context: { ...caller, ...context },
    });
  }

  #policiesOf(roleName: string): Promise<readonly PolicyDocument[]> {
    const known = this.#policies.get(roleName);
    if (known !== undefined) return known;
    const read = readPolicies(this.#emulator, roleName).catch((error: unknown) => {
      // A session outlives its role, and may then do nothing.
      if (error instanceof AwsError && error.code === 'NoSuchEntity') return [];
      this.#policies.delete(roleName);
      throw error;
    });
    this.#policies.set(roleName, read);
    return read;
  }

  async #resourceTags(roleName: string, needs: readonly Need[]): Promise<Context> {
    const policies = JSON.stringify(await this.#policiesOf(roleName));
    const id = needs
      .map((need) => need.resource.split('/').at(-1) ?? '')
      .find((each) => kindOfId(each) !== undefined);
    if (id === undefined || !policies.includes('ResourceTag/')) return {};
    const tags = await this.#emulator.ec2('DescribeTags', {
      'Filter.1.Name': 'resource-id',
      'Filter.1.Value.1': id,
    });
    const pairs = itemsOf(tags, 'tagSet').map(
      (tag) => [textOf(tag, 'key') ?? '', textOf(tag, 'value') ?? ''] as const,
    );
    return Object.fromEntries(
      pairs.flatMap(([key, value]) => [
        [`aws:ResourceTag/${key}`, value],
        [`ec2:ResourceTag/${key}`, value],
      ]),
    );
  }
}

async function readPolicies(emulator: Emulator, roleName: string): Promise<PolicyDocument[]> {
  const documents: string[] = [];
  const RoleName = roleName;
  const inline = await emulator.ask('iam', 'ListRolePolicies', { RoleName });
  for (const name of namesOf(inline, 'PolicyNames')) {
    const policy = await emulator.ask('iam', 'GetRolePolicy', { RoleName, PolicyName: name });
    documents.push(textOf(policy, 'PolicyDocument') ?? '{}');
  }
  const attached = await emulator.ask('iam', 'ListAttachedRolePolicies', { RoleName });
  for (const { PolicyArn } of itemsOf(attached, 'AttachedPolicies')) {
    const policy = await emulator.ask('iam', 'GetPolicy', { PolicyArn: String(PolicyArn) });
    const version =
      typeof policy['Policy'] === 'object' ? textOf(policy, 'Policy', 'DefaultVersionId') : undefined;
    const found = await emulator.ask('iam', 'GetPolicyVersion', {
      PolicyArn: String(PolicyArn),
      VersionId: version ?? 'v1',
    });
    documents.push(textOf(found, 'PolicyVersion', 'Document') ?? '{}');
  }
  return documents.map(
    (text) => JSON.parse(text.startsWith('%') ? decodeURIComponent(text) : text) as PolicyDocument,
  );
}

function namesOf(fields: Awaited<ReturnType<Emulator['ask']>>, name: string): string[] {
  const list = fields[name];
  const members =
    typeof list === 'object' && !Array.isArray(list) ? (list as { member?: string[] }).member : undefined;
  return members ?? [];
}

function refusal(service: string, identity: Identity, need: Need, verdict: Verdict): AwsError {
  const why =
    verdict === 'denied'
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${need.action} action`;
  const message = `User: ${identity.arn} is not authorized to perform: ${need.action} on resource: ${need.resource} ${why}`;
  if (service === 'ec2') {
    return new AwsError(
      'UnauthorizedOperation',
      `You are not authorized to perform this operation. ${message}`,
      403,
    );
  }
  if (service === 'kms' || service === 'ssm') return new AwsError('AccessDeniedException', message, 400);
  return new AwsError('AccessDenied', message, 403);
}
