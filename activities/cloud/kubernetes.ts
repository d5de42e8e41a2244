import {
  AppsV1Api,
  AutoscalingV2Api,
  CoordinationV1Api,
  CoreV1Api,
  createConfiguration,
  KubeConfig,
  PatchStrategy,
  PolicyV1Api,
  ServerConfiguration,
  type RequestContext,
} from '@kubernetes/client-node';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';

/** How the zone worker reaches the zone's API server: with its machine's own certificate. */
export interface KubernetesAccess {
  /** `https://<address>:6443` */
  readonly server: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The parts of the API that activities use, tied to one call's signal. Files are read anew, so renewal needs no restart. */
export function connectKubernetes(access: KubernetesAccess, signal: AbortSignal) {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'zone', server: access.server, caFile: access.caFile, skipTLSVerify: false },
    { name: 'zone-worker', certFile: access.certFile, keyFile: access.keyFile },
  );
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(access.server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        pre: async (context: RequestContext) => {
          context.setSignal(signal);
          if (context.getHttpMethod().toString() === 'PATCH')
            context.setHeaderParam('Content-Type', PatchStrategy.MergePatch);
          return context;
        },
        post: async (context) => context,
      },
    ],
  });
  return {
    core: new CoreV1Api(configuration),
    coordination: new CoordinationV1Api(configuration),
    apps: new AppsV1Api(configuration),
    policy: new PolicyV1Api(configuration),
    autoscaling: new AutoscalingV2Api(configuration),
  };
}

export interface PlainAnswer {
  readonly status: number;
  readonly body: string;
}

/** A plain GET with the same certificate, for paths that are no objects: `/readyz?verbose`. */
export function getPath(access: KubernetesAccess, path: string, signal: AbortSignal): Promise<PlainAnswer> {
  const options = {
    ca: readFileSync(access.caFile),
    cert: readFileSync(access.certFile),
    key: readFileSync(access.keyFile),
    agent: false as const,
    signal,
    timeout: 10_000,
  };
  return new Promise((resolve, reject) => {
    const call = request(new URL(path, access.server), options, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }),
      );
      answer.on('error', reject);
    });
    call.on('timeout', () =>
      call.destroy(Object.assign(new Error('no answer in 10 s'), { code: 'ETIMEDOUT' })),
    );
    call.on('error', reject);
    call.end();
  });
}
