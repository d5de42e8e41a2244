import { ApplicationFailure } from '@temporalio/workflow';
import { QUEUES, zoneQueue } from '../domain/operations.ts';
import { PKI_KINDS, ZONE_KINDS, type Kind } from '../domain/resources/index.ts';

/** The task queue that hosts a kind's activities. */
export function queueOf(kind: Kind, zone: string | undefined): string {
  if ((PKI_KINDS as readonly Kind[]).includes(kind)) return QUEUES.pki;
  if (!(ZONE_KINDS as readonly Kind[]).includes(kind)) return QUEUES.aws;
  if (zone === undefined)
    throw ApplicationFailure.nonRetryable(`Cannot place "${kind}": it needs a zone`, 'InvalidInput');
  return zoneQueue(zone);
}
