import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { MachineConfig } from '../../domain/machine-config.ts';

/** Units of a role in the order they are started; the image has them, none enabled. */
export function unitsOf({
  role,
  zoneWorker,
  cluster,
}: Pick<MachineConfig, 'role' | 'zoneWorker' | 'cluster'>): readonly string[] {
  const proxy = cluster.directors === undefined ? [] : ['zonewright-api-proxy.service'];
  switch (role) {
    case 'director':
      return [
        'etcd.service',
        'kube-apiserver.service',
        'kube-controller-manager.service',
        'kube-scheduler.service',
        'zonewright-bootstrap.service',
        'etcd-discovery.service',
        'zonewright-discovery-users.service',
      ];
    case 'worker':
      return [
        ...proxy,
        'containerd.service',
        'zonewright-images.service',
        'kubelet.service',
        'kube-proxy.service',
        'zonewright-presence.service',
      ];
    case 'border':
      return [
        ...proxy,
        'zonewright-border-agent.service',
        'zonewright-haproxy.service',
        ...(zoneWorker ? ['zonewright-zone-worker.service'] : []),
      ];
  }
}

/** What must answer 200 on the machine itself before it calls itself ready. */
export function probesOf({ role }: Pick<MachineConfig, 'role'>): readonly string[] {
  switch (role) {
    case 'director':
      return ['http://127.0.0.1:2381/readyz', 'https://127.0.0.1:6443/readyz'];
    case 'worker':
      return ['http://127.0.0.1:10248/healthz', 'http://127.0.0.1:10256/healthz'];
    case 'border':
      return [];
  }
}

const TIMEOUT_MS = 5000;

/** Why a probe does not answer 200; nothing when it does. */
export async function probe(url: string, authorityPath: string): Promise<string | undefined> {
  try {
    const status = url.startsWith('https:') ? await httpsStatus(url, authorityPath) : await httpStatus(url);
    return status === 200 ? undefined : `${url} answers ${status}`;
  } catch (error) {
    const { code, cause } = error as NodeJS.ErrnoException;
    return `${url}: ${code ?? (cause as NodeJS.ErrnoException | undefined)?.code ?? String(error)}`;
  }
}

const httpStatus = async (url: string): Promise<number> =>
  (await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })).status;

function httpsStatus(url: string, authorityPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca: readFileSync(authorityPath), timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.on('error', reject);
    asked.end();
  });
}
