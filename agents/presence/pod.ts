import { z } from 'zod';
import { INSTANCE_NUMBER, SERVICE_NAME } from '../../domain/discovery/keys.ts';
import {
  NUMBER_LABEL,
  SERVE_PORT,
  SERVICE_LABEL,
  SERVING_GATE,
  WITHDRAWN_ANNOTATION,
} from '../../domain/discovery/values.ts';

/** The parts of a pod that decide whether it is announced. */
export const podSchema = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.object({
    containers: z.array(
      z.object({
        ports: z.array(z.object({ name: z.string().optional(), containerPort: z.number() })).default([]),
      }),
    ),
  }),
  status: z
    .object({
      podIP: z.string().optional(),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
    })
    .default({ conditions: [] }),
});
export type Pod = z.output<typeof podSchema>;

/** True exactly while requests may be sent to a pod. */
export const isServing = (pod: Pod): boolean =>
  conditionOf(pod, 'ContainersReady') === 'True' &&
  pod.metadata.deletionTimestamp === undefined &&
  pod.metadata.annotations[WITHDRAWN_ANNOTATION] === undefined;

export const conditionOf = ({ status }: Pod, type: string): string | undefined =>
  status.conditions.find((each) => each.type === type)?.status;

export interface Announcement {
  readonly service: string;
  readonly number: number;
  /** `ip:port` */
  readonly address: string;
}

/** What is announced of a pod that serves; or in a sentence why it cannot be. */
export function announcementOf(pod: Pod): Announcement | string {
  const service = pod.metadata.labels[SERVICE_LABEL] ?? '';
  const number = pod.metadata.labels[NUMBER_LABEL] ?? '';
  const port = pod.spec.containers.flatMap(({ ports }) => ports).find(({ name }) => name === SERVE_PORT);
  if (!SERVICE_NAME.test(service)) return `label ${SERVICE_LABEL} is "${service}"`;
  if (!INSTANCE_NUMBER.test(number)) return `label ${NUMBER_LABEL} is "${number}"`;
  if (port === undefined) return `no container has a port "${SERVE_PORT}"`;
  if (pod.status.podIP === undefined) return 'it has no address';
  return { service, number: Number(number), address: `${pod.status.podIP}:${port.containerPort}` };
}

/** The patch that makes the readiness gate say whether the pod serves; nothing when it does. */
export function gatePatch(pod: Pod, now: Date): object | undefined {
  const wanted = isServing(pod) ? 'True' : 'False';
  const said = conditionOf(pod, SERVING_GATE);
  if (said === wanted || (said === undefined && wanted === 'False')) return undefined;
  const withdrawn = pod.metadata.annotations[WITHDRAWN_ANNOTATION] !== undefined;
  const reason = wanted === 'True' ? 'Announced' : withdrawn ? 'Withdrawn' : 'NotReady';
  const condition = { type: SERVING_GATE, status: wanted, reason, lastTransitionTime: now.toISOString() };
  // With the uid, a pod of the same name that came after is not meant.
  return { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
}
