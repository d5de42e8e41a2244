/**
 * Who am I, and who may I become.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
import type { Answer, Call, Rule } from '../call.ts';
import { AwsError } from '../call.ts';
import type { World } from '../world.ts';
import type { XmlObject } from '../xml.ts';
import { textOf } from '../xml.ts';

export function identities(world: World): Rule {
  return {
    name: 'identities',
    actions: ['sts:GetCallerIdentity', 'sts:AssumeRole'],
    async apply(call) {
      const { arn, userId } = call.identity;
      if (call.action === 'GetCallerIdentity') {
        return stsAnswer(call, { Arn: arn, UserId: userId, Account: world.accountId });
      }
      return assumeRole(world, call);
    },
  };
}

async function assumeRole(world: World, call: Call): Promise<Answer> {
  const roleArn = call.params.get('RoleArn') ?? '';
  const sessionName = call.params.get('RoleSessionName') ?? '';
  const roleName = roleArn.split('/').at(-1) ?? '';
  const found = await world.emulator.ask('iam', 'GetRole', { RoleName: roleName }).catch((error: unknown) => {
    // AWS does not tell whoever may not assume a role whether there is one.
    throw new AwsError(
      'AccessDenied',
      `User: ${call.identity.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
      403,
      { cause: error },
    );
  });
  const id = textOf(found, 'Role', 'RoleId') ?? '';
  const seconds = Number(call.params.get('DurationSeconds') ?? '3600');
  const { accessKeyId, secretAccessKey, token, expiration } = world.identities.openSession(
    { name: roleName, id },
    sessionName,
    seconds,
  );
  const arn = `arn:aws:sts::${world.accountId}:assumed-role/${roleName}/${sessionName}`;
  return stsAnswer(call, {
    AssumedRoleUser: { Arn: arn, AssumedRoleId: `${id}:${sessionName}` },
    Credentials: {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: token,
      Expiration: expiration.toISOString(),
    },
  });
}

function stsAnswer(call: Call, result: XmlObject): Answer {
  const fields = {
    '@xmlns': 'https://sts.amazonaws.com/doc/2011-06-15/',
    [`${call.action}Result`]: result,
    ResponseMetadata: { RequestId: call.id },
  };
  return { status: 200, headers: {}, document: { name: `${call.action}Response`, fields } };
}
