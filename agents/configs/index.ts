import type { MachineConfig } from '../../domain/machine-config.ts';
import type { CertificateProfile } from '../../domain/pki/profiles.ts';
import type { MachineFile } from '../host/files.ts';
import type { NodeFacts } from '../host/metadata.ts';
import { apiProxyConfig } from './api-proxy.ts';
import { clusterEnvironment, nodeEnvironment } from './environment.ts';
import { containerdConfig } from './containerd.ts';
import { kubeconfig } from './kubeconfig.ts';
import { kubeletConfig, kubeProxyConfig, networkConfig } from './worker.ts';

/** Settings that the image's source brings for its surroundings, e.g. for machines that are containers. */
const PROFILE = '/etc/zonewright/profile.d';

export interface ConfigInput {
  readonly config: MachineConfig;
  readonly facts: NodeFacts;
  readonly profiles: readonly CertificateProfile[];
  /** Text of a file of the machine, where there is one. */
  readonly read: (path: string) => string | undefined;
}

/** Everything that the units of a machine's role are configured with, but for keys and certificates. */
export function configFiles(input: ConfigInput): readonly MachineFile[] {
  const { config, facts } = input;
  const files = [nodeEnvironment(config, facts), clusterEnvironment(config)];
  switch (config.role) {
    case 'director':
      return [...files, ...directorFiles(input)];
    case 'worker':
      return [...files, ...workerFiles(input)];
    case 'border':
      return [
        ...files,
        ...apiProxyFiles(input),
        kubeconfig(
          '/etc/zonewright/operator.kubeconfig',
          config.cluster.apiEndpoint,
          profile(input, 'operator'),
        ),
      ];
  }
}

/** Machines that were configured before there were proxies reach the API as they did. */
const apiProxyFiles = ({ config }: ConfigInput): readonly MachineFile[] =>
  config.cluster.directors === undefined ? [] : [apiProxyConfig(config)];

function directorFiles(input: ConfigInput): readonly MachineFile[] {
  // Each director's controllers talk to the API server beside them.
  const local = 'https://127.0.0.1:6443';
  return [
    kubeconfig('/etc/kubernetes/controller-manager.kubeconfig', local, profile(input, 'controller-manager')),
    kubeconfig('/etc/kubernetes/scheduler.kubeconfig', local, profile(input, 'scheduler')),
    kubeconfig('/etc/kubernetes/bootstrap.kubeconfig', local, profile(input, 'bootstrap-admin')),
  ];
}

function workerFiles(input: ConfigInput): readonly MachineFile[] {
  const { config, facts, read } = input;
  const api = config.cluster.apiEndpoint;
  const kubelet = kubeletConfig(config, facts, read(`${PROFILE}/kubelet.yaml`));
  return [
    ...apiProxyFiles(input),
    kubelet.file,
    kubeProxyConfig(config, facts, read(`${PROFILE}/kube-proxy.yaml`)),
    networkConfig(config),
    containerdConfig(kubelet.cgroupDriver, read(`${PROFILE}/containerd.toml`)),
    kubeconfig('/etc/kubernetes/kubelet.kubeconfig', api, profile(input, 'kubelet-client')),
    kubeconfig('/etc/kubernetes/kube-proxy.kubeconfig', api, profile(input, 'kube-proxy')),
  ];
}

function profile({ profiles }: ConfigInput, id: string): CertificateProfile {
  const found = profiles.find((each) => each.id === id);
  if (found === undefined) throw new Error(`Cannot find certificate profile "${id}"`);
  return found;
}
