import type { CoreV1Api, V1Pod } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { JOINING_TAINT } from '../../domain/resources/node-admission.ts';
import { connectKubernetes, type KubernetesAccess } from '../cloud/kubernetes.ts';
import { kubernetesStatus, orNoObject } from '../cloud/kubernetes-errors.ts';
import { asActivity } from '../failures.ts';

export interface PodCheck {
  /** Name of the pod; a repeat takes up the same. */
  readonly name: string;
  /** An image with busybox; the one that the zone image carries without it. */
  readonly image?: string;
  readonly namespace?: string;
  /** Where it shall run; anywhere without it. */
  readonly node?: string;
}

const IMAGE = 'zonewright.dev/busybox:1';
const PORT = 8080;
const DELAY_MS = 1_000;

export const podChecks = (access: KubernetesAccess, port = PORT) => ({
  /**
   * Starts a pod that serves a nonce, asks it over the pod network from here, and compares. The pod stays, so that a
   * repeat asks the same one, until `pod.remove` or an hour later.
   */
  'pod.answers': asActivity('ask a pod', async (check: PodCheck) => {
    const signal = Context.current().cancellationSignal;
    const { core } = connectKubernetes(access, signal);
    const namespace = check.namespace ?? 'default';
    const nonce = nonceOf(check.name);
    const pod = await runningPod(core, check, namespace, nonce, port);
    const answer = await ask(pod, port, signal);
    if (answer.trim() !== nonce) {
      throw new ZonewrightError(
        'GateFailed',
        `Pod "${check.name}" at ${pod.status?.podIP} answered something else than it was given`,
        { details: { answer: answer.slice(0, 200) } },
      );
    }
    return { pod: check.name, node: pod.spec?.nodeName ?? '', address: pod.status?.podIP ?? '' };
  }),

  /** Removes the pod of `pod.answers`. */
  'pod.remove': asActivity(
    'remove a pod',
    async ({ name, namespace = 'default' }: Omit<PodCheck, 'image'>) => {
      const { core } = connectKubernetes(access, Context.current().cancellationSignal);
      await remove(core, name, namespace);
    },
  ),
});

/** The same in every attempt, so that a later one can ask the pod that an earlier one started. */
function nonceOf(name: string): string {
  const { workflowExecution, activityId } = Context.current().info;
  return createHash('sha256')
    .update(JSON.stringify([workflowExecution, activityId, name]))
    .digest('hex');
}

async function runningPod(
  core: CoreV1Api,
  check: PodCheck,
  namespace: string,
  nonce: string,
  port: number,
): Promise<V1Pod> {
  const { name } = check;
  const pod = await orNoObject(core.readNamespacedPod({ name, namespace }));
  if (!pod) {
    await core.createNamespacedPod({ namespace, body: podOf(check, nonce, port) });
    throw new NotYet(`waiting for pod "${name}" to be scheduled`, DELAY_MS);
  }
  // Of an earlier check that was not cleaned up: it serves another nonce.
  const isOther = pod.metadata?.annotations?.['zonewright.dev/nonce'] !== nonce;
  if (isOther || pod.metadata?.deletionTimestamp || pod.status?.phase === 'Failed') {
    await remove(core, name, namespace);
    throw new NotYet(`waiting until an earlier pod "${name}" is gone`, DELAY_MS);
  }
  if (pod.status?.phase === 'Running' && pod.status.podIP) return pod;
  throw new NotYet(`waiting for pod "${name}" to run: ${whyWaiting(pod)}`, DELAY_MS);
}

function whyWaiting({ status }: V1Pod): string {
  const waiting = status?.containerStatuses?.[0]?.state?.waiting;
  const condition = status?.conditions?.find((one) => one.status === 'False');
  const reason = waiting ?? condition;
  return reason ? `${reason.reason ?? 'Unknown'}: ${reason.message ?? ''}` : (status?.phase ?? 'Pending');
}

const podOf = ({ name, image = IMAGE, node }: PodCheck, nonce: string, port: number): V1Pod => ({
  metadata: { name, labels: { app: 'zonewright-check' }, annotations: { 'zonewright.dev/nonce': nonce } },
  spec: {
    restartPolicy: 'Never',
    activeDeadlineSeconds: 3_600,
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    // A node that is asked by name may still be joining.
    ...(node === undefined
      ? {}
      : { nodeName: node, tolerations: [{ key: JOINING_TAINT, operator: 'Exists' }] }),
    containers: [
      {
        name: 'answer',
        image,
        imagePullPolicy: 'IfNotPresent',
        command: [
          'sh',
          '-c',
          `mkdir -p /tmp/www && echo "$NONCE" >/tmp/www/index.html && exec httpd -f -p ${port} -h /tmp/www`,
        ],
        env: [{ name: 'NONCE', value: nonce }],
      },
    ],
  },
});

async function ask(pod: V1Pod, port: number, signal: AbortSignal): Promise<string> {
  const url = `http://${pod.status?.podIP}:${port}/`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) });
    if (answer.ok) return await answer.text();
    throw new Error(`it answers ${answer.status}`);
  } catch (error) {
    signal.throwIfAborted();
    const { message, cause } = error as Error;
    throw new NotYet(
      `waiting for an answer at ${url}: ${cause instanceof Error ? cause.message : message}`,
      DELAY_MS,
    );
  }
}

async function remove(core: CoreV1Api, name: string, namespace: string): Promise<void> {
  try {
    await core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 });
  } catch (error) {
    if (kubernetesStatus(error) !== 404) throw error;
  }
}
