import { z } from 'zod';
import { parse } from '../domain/parse.ts';
import { activity } from './operation.ts';

const lookInput = z.strictObject({
  zone: z.string().min(1),
  node: z.string().min(1),
  instanceId: z.string().min(1),
});

/**
 * What a node carries, for a person who plans its removal: only a worker inside the zone can see it. No operation: it
 * changes nothing, so it waits for nobody and leaves no record.
 */
export async function lookAtNode(raw: unknown) {
  const { zone, ...node } = parse(lookInput, raw, 'the input of LookAtNode');
  const options = {
    startToCloseTimeout: '10 seconds',
    scheduleToCloseTimeout: '15 seconds',
    summary: `looking at ${node.node}`,
  } as const;
  return activity('node.look', node, options, zone);
}
