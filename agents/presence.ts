/** Runs as `zonewright-presence.service` on a worker: announces the pods of this node that serve. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { agentKey } from '../domain/discovery/keys.ts';
import { openDiscovery } from './discovery/client.ts';
import { discoveryAccess, readMachineConfig, untilStopped, variable } from './host/settings.ts';
import { KubernetesApi } from './presence/kubernetes.ts';
import { runPresence } from './presence/presence.ts';

const config = readMachineConfig();
const node = variable('ZW_NODE_NAME');

await untilStopped((signal) =>
  runPresence({
    node,
    signal,
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    api: new KubernetesApi('/etc/kubernetes/kubelet.kubeconfig'),
    open: () => openDiscovery(discoveryAccess(config, 'discovery-node'), agentKey(node)),
    isMachineStopping: () =>
      new Promise((resolve) => {
        execFile('systemctl', ['is-system-running'], (_error, state) => resolve(state.trim() === 'stopping'));
      }),
  }),
);
