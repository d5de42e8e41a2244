/**
 * What only a worker inside a zone can see, for a person who asks. No operations: they change nothing, so they wait for
 * nobody and leave no record.
 */
import { z } from 'zod';
import { parse } from '../domain/parse.ts';
import { activity } from './operation.ts';

const nodeInput = z.strictObject({
  zone: z.string().min(1),
  node: z.string().min(1),
  instanceId: z.string().min(1),
});
const zoneInput = z.strictObject({ zone: z.string().min(1) });

const briefly = (summary: string) =>
  ({ startToCloseTimeout: '10 seconds', scheduleToCloseTimeout: '15 seconds', summary }) as const;

/** What a node carries, for a person who plans its removal. */
export async function lookAtNode(raw: unknown) {
  const { zone, ...node } = parse(nodeInput, raw, 'the input of LookAtNode');
  return activity('node.look', node, briefly(`looking at ${node.node}`), zone);
}

/** Who is routed where, how far routers are, and what was skipped. */
export async function lookAtDiscovery(raw: unknown) {
  const { zone } = parse(zoneInput, raw, 'the input of LookAtDiscovery');
  return activity('discovery.look', {}, briefly('looking at what is routed'), zone);
}
