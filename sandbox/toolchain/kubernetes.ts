import { goParcel } from './go-module.ts';
import type { Tool } from './tool.ts';

const VERSION = '1.36.3';
const NAMES = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
] as const;

const version = (name: string): string => `k8s.io/component-base/version.${name}`;

/** One parcel: they share nearly everything that takes time to compile. */
const parcel = goParcel({
  name: 'kubernetes',
  version: VERSION,
  binaries: Object.fromEntries(NAMES.map((name) => [name, `k8s.io/kubernetes/cmd/${name}`])),
  variables: {
    [version('gitVersion')]: `v${VERSION}`,
    [version('gitMajor')]: '1',
    [version('gitMinor')]: '36',
    [version('gitTreeState')]: 'clean',
  },
});

function binary(name: (typeof NAMES)[number]): Tool {
  return {
    name,
    version: VERSION,
    onPath: {
      command: name,
      args: name === 'kubectl' ? ['version', '--client'] : ['--version'],
      pattern: /^(?:Kubernetes|Client Version:) v(\S+)/m,
      accepts: (found) => found === VERSION,
    },
    source: { kind: 'parcel', parcel, file: name },
    install: `curl -fLO https://dl.k8s.io/v${VERSION}/bin/linux/amd64/${name} && install ${name} /usr/local/bin/`,
  };
}

export const kubeApiserver = binary('kube-apiserver');
export const kubeControllerManager = binary('kube-controller-manager');
export const kubeScheduler = binary('kube-scheduler');
export const kubelet = binary('kubelet');
export const kubeProxy = binary('kube-proxy');
export const kubectl = binary('kubectl');
