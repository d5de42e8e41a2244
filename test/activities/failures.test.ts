import { ApiException } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isAlreadyThere, isNotFound, isRefusal } from '../../activities/cloud/cloud-errors.ts';
import { asActivity } from '../../activities/failures.ts';
import { ZonewrightError } from '../../domain/errors.ts';
import { inActivity } from './run-effect.ts';

const aws = (name: string, status: number, message = name) =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });

/** Type and finality of the failure that an error becomes. */
async function failureOf(error: unknown): Promise<string> {
  const activity = asActivity('try', () => Promise.reject(error as Error));
  try {
    await inActivity(() => activity());
  } catch (failure) {
    const { type, nonRetryable, name } = failure as { type?: string; nonRetryable?: boolean; name: string };
    return type === undefined ? name : `${type}${nonRetryable ? ', final' : ''}`;
  }
  return 'none';
}

suite('failures of activities', () => {
  test('each answer of a cloud becomes the failure that says whether to try again', async () => {
    const network = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const cases: [unknown, string][] = [
      [aws('UnauthorizedOperation', 403), 'CloudRefused, final'],
      [aws('VpcLimitExceeded', 400), 'CloudRefused, final'],
      [aws('RequestLimitExceeded', 503), 'CloudUnavailable'],
      [aws('Whatever', 500), 'CloudUnavailable'],
      [aws('DependencyViolation', 400), 'NotYet'],
      [aws('InvalidParameterValue', 400, 'Invalid IAM Instance Profile name'), 'NotYet'],
      [aws('InvalidParameterValue', 400, 'cidr'), 'CloudRefused, final'],
      [Object.assign(new Error('late'), { name: 'TimeoutError' }), 'CloudUnavailable'],
      [network, 'CloudUnavailable'],
      [new TypeError('fetch failed', { cause: network }), 'CloudUnavailable'],
      [Object.assign(new Error('tls'), { code: 'CERT_HAS_EXPIRED' }), 'CloudUnavailable'],
      [new ApiException(409, 'conflict', '{"reason":"Conflict"}', {}), 'NotYet'],
      [new ApiException(429, 'slow', '{}', {}), 'CloudUnavailable'],
      [new ApiException(403, 'no', 'not json', {}), 'NotYet'],
      [new ApiException(422, 'no', 'not json', {}), 'CloudRefused, final'],
      [new ZonewrightError('GateFailed', 'no'), 'GateFailed, final'],
      [new TypeError('x is not a function'), 'TypeError'],
    ];
    for (const [error, expected] of cases) assert.equal(await failureOf(error), expected, String(error));
  });

  test('gone, already there, and turned away are told apart', () => {
    assert.deepEqual(
      ['InvalidVpcID.NotFound', 'NoSuchEntity', 'NatGatewayNotFound', 'InvalidVpcID.Malformed'].map((code) =>
        isNotFound(aws(code, 400)),
      ),
      [true, true, true, false],
    );
    assert.deepEqual(
      ['EntityAlreadyExists', 'InvalidGroup.Duplicate', 'PreconditionFailed', 'DependencyViolation'].map(
        (code) => isAlreadyThere(aws(code, 409)),
      ),
      [true, true, true, false],
    );
    assert.deepEqual([aws('X', 400), aws('SlowDown', 503), aws('X', 500), new Error('lost')].map(isRefusal), [
      true,
      true,
      false,
      false,
    ]);
  });

  test('a request that was cancelled ends its activity as cancelled', async () => {
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    const wait = asActivity('wait', async () => {
      const { cancellationSignal } = Context.current();
      await new Promise((_resolve, reject) => {
        cancellationSignal.addEventListener('abort', () =>
          reject(Object.assign(new Error('aborted'), { name: 'AbortError' })),
        );
      });
    });
    const running = environment.run(wait);
    environment.cancel();
    await assert.rejects(running, { name: 'AbortError' });
  });
});
