import { AllocateAddressCommand, CreateInternetGatewayCommand } from '@aws-sdk/client-ec2';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { Context } from '@temporalio/activity';
import { ZonewrightError } from '../../domain/errors.ts';
import type { Kind } from '../../domain/resources/index.ts';
import { cloudErrorCode } from '../cloud/cloud-errors.ts';
import type { Clients } from '../cloud/clients.ts';
import { given } from '../cloud/tags.ts';
import { asActivity } from '../failures.ts';

/** Of activities that need to be told nothing. */
export type NoInput = Readonly<Record<string, never>>;

const UNAUTHORIZED = new Set(['UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException']);

/** Who we are and what we may, asked before anything is made. */
export const accountChecks = ({ ec2, sts }: Clients) => ({
  'account.identity': asActivity('find out whose credentials these are', (_input: NoInput) => identity(sts)),

  /** Kinds whose creation can be tried without naming anything that exists. The others say no only when they are made. */
  'permissions.check': asActivity(
    'check permissions',
    async ({ kinds }: { readonly kinds: readonly Kind[] }) => {
      const abortSignal = Context.current().cancellationSignal;
      const tries: Partial<Record<Kind, () => Promise<unknown>>> = {
        'internet-gateway': () =>
          ec2.send(new CreateInternetGatewayCommand({ DryRun: true }), { abortSignal }),
        'elastic-ip': () =>
          ec2.send(new AllocateAddressCommand({ Domain: 'vpc', DryRun: true }), { abortSignal }),
      };
      const tried = kinds.filter((kind) => tries[kind]);
      const answers = await Promise.all(
        tried.map(async (kind) => ({ kind, said: await dryRun(tries[kind]) })),
      );
      const denied = answers.filter(({ said }) => UNAUTHORIZED.has(said)).map(({ kind }) => kind);
      if (denied.length > 0) {
        throw new ZonewrightError(
          'CloudRefused',
          `Cannot make ${denied.join(', ')}: these credentials are not permitted to`,
          { details: { denied } },
        );
      }
      return { tried };
    },
  ),
});

async function identity(sts: Clients['sts']) {
  const abortSignal = Context.current().cancellationSignal;
  const answer = await sts.send(new GetCallerIdentityCommand({}), { abortSignal });
  return { accountId: given(answer.Account, 'Account'), arn: given(answer.Arn, 'Arn') };
}

/** The code of the answer: `DryRunOperation` means "it would have been done". */
async function dryRun(run: (() => Promise<unknown>) | undefined): Promise<string> {
  try {
    await run?.();
    return 'DryRunOperation';
  } catch (error) {
    const code = cloudErrorCode(error);
    if (code === 'DryRunOperation' || UNAUTHORIZED.has(code)) return code;
    throw error;
  }
}
