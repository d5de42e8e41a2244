import { SERVE_PORT, SERVICE_LABEL, SERVING_GATE } from '../discovery/values.ts';
import type { Generation } from './record.ts';
import type { HealthCheck, ServiceShape } from './shape.ts';

/** What the objects of services bear beside what agents look at. */
export const GENERATION_LABEL = 'zonewright.dev/generation';
export const VERSION_LABEL = 'zonewright.dev/version';
export const OPERATION_ANNOTATION = 'zonewright.dev/operation';
export const NAMESPACE = 'default';
/** Label of nodes that `scheduling_group` names. */
export const GROUP_LABEL = 'scheduling_group';

/** Name of a generation's StatefulSet; its pods are `web-g2-7`. */
export const setName = (service: string, generation: number): string => `${service}-g${generation}`;

export const generationLabels = (service: string, { generation }: Pick<Generation, 'generation'>) => ({
  [SERVICE_LABEL]: service,
  [GENERATION_LABEL]: String(generation),
});

export interface GenerationObject {
  readonly service: string;
  readonly generation: number;
  readonly version: string;
  readonly first: number;
  readonly shape: ServiceShape;
}

/** Longest that a container may take to end after SIGTERM; by then nothing is asked of it any more. */
const GRACE_SECONDS = 30;

/**
 * The StatefulSet of a generation, as JSON, without instances. Its pods are never updated in place, all of a step start
 * and stop at the same time, and none is routed before the presence agent says that it serves.
 */
export function statefulSet({ service, generation, version, first, shape }: GenerationObject) {
  const selected = generationLabels(service, { generation });
  const labels = { ...selected, [VERSION_LABEL]: version, 'app.kubernetes.io/managed-by': 'zonewright' };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: setName(service, generation), labels },
    spec: {
      serviceName: service,
      replicas: 0,
      ordinals: { start: first },
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      selector: { matchLabels: selected },
      template: { metadata: { labels }, spec: podSpec(selected, shape) },
    },
  } as const;
}

function podSpec(selected: Readonly<Record<string, string>>, shape: ServiceShape) {
  const { containers, args, ports, serving, health, group } = shape;
  const volumes = [...new Set(containers.flatMap((one) => Object.keys(one.volumes)))].toSorted();
  const nameOf = (path: string) => `path-${volumes.indexOf(path)}`;
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    readinessGates: [{ conditionType: SERVING_GATE }],
    ...(group === undefined ? {} : { nodeSelector: { [GROUP_LABEL]: group } }),
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: selected },
      },
    ],
    containers: containers.map((one) => ({
      name: one.name,
      image: one.image,
      imagePullPolicy: 'IfNotPresent',
      ...(args[one.name] === undefined ? {} : { args: args[one.name] }),
      ...(ports[one.name] === undefined
        ? {}
        : { ports: [{ name: one.name === serving ? SERVE_PORT : 'other', containerPort: ports[one.name] }] }),
      ...(ports[one.name] === health.port ? { readinessProbe: probe(health) } : {}),
      volumeMounts: Object.entries(one.volumes).map(([source, target]) => ({
        name: nameOf(source),
        mountPath: target,
      })),
    })),
    volumes: volumes.map((path) => ({ name: nameOf(path), hostPath: { path } })),
  };
}

const probe = ({ type, port, path, intervalSeconds, timeoutSeconds, failures }: HealthCheck) => ({
  ...(type === 'http' ? { httpGet: { path, port } } : { tcpSocket: { port } }),
  periodSeconds: intervalSeconds,
  timeoutSeconds,
  failureThreshold: failures,
});

/**
 * One budget for all generations of a service, in whole instances: announced ones are not evicted below it. What is
 * withdrawn counts no longer and may go at once.
 */
export const disruptionBudget = (service: string, minAvailable: number) =>
  ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: {
      name: service,
      labels: { [SERVICE_LABEL]: service, 'app.kubernetes.io/managed-by': 'zonewright' },
    },
    spec: {
      minAvailable,
      selector: { matchLabels: { [SERVICE_LABEL]: service } },
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  }) as const;
