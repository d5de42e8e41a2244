import { parse, stringify } from 'yaml';
import type { MachineConfig } from '../../domain/machine-config.ts';
import { addressInRange, nodeName } from '../../domain/pki/facts.ts';
import type { MachineFile } from '../host/files.ts';
import type { NodeFacts } from '../host/metadata.ts';
import { providerId } from './environment.ts';

/** A node takes work only once this taint, with which it registers, was taken off it. */
const JOINING_TAINT = { key: 'zonewright.dev/joining', effect: 'NoSchedule' };

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
export function kubeletConfig(
  config: MachineConfig,
  facts: NodeFacts,
  profile: string | undefined,
): { readonly file: MachineFile; readonly cgroupDriver: unknown } {
  const document = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: facts.privateIp,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: '/etc/kubernetes/pki/ca.crt' },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'systemd',
    clusterDNS: [config.cluster.dnsIp],
    clusterDomain: 'cluster.local',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    providerID: providerId(facts),
    registerWithTaints: [JOINING_TAINT],
    rotateCertificates: false,
    serverTLSBootstrap: false,
    tlsCertFile: '/etc/kubernetes/pki/kubelet-server.crt',
    tlsPrivateKeyFile: '/etc/kubernetes/pki/kubelet-server.key',
  };
  const merged = merge(document, profile);
  const file = { path: '/etc/kubernetes/kubelet.yaml', text: stringify(merged) };
  return { file, cgroupDriver: merged['cgroupDriver'] };
}

/** https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/ */
export function kubeProxyConfig(
  config: MachineConfig,
  facts: NodeFacts,
  profile: string | undefined,
): MachineFile {
  const document = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    bindAddress: facts.privateIp,
    clientConnection: { kubeconfig: '/etc/kubernetes/kube-proxy.kubeconfig' },
    clusterCIDR: config.cluster.podCidr,
    hostnameOverride: nodeName({ instanceId: facts.instanceId, role: config.role }),
    mode: 'iptables',
  };
  return { path: '/etc/kubernetes/kube-proxy.yaml', text: stringify(merge(document, profile)) };
}

/** Pods of this node share a bridge; other nodes' pods are reached by the VPC's routes, without translation. */
export function networkConfig({ cluster }: MachineConfig): MachineFile {
  const subnet = cluster.nodePodCidr;
  if (subnet === undefined)
    throw new Error('Cannot write the pod network: expected cluster.nodePodCidr of a worker');
  const document = {
    cniVersion: '1.0.0',
    name: 'zone',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet, gateway: addressInRange(subnet, 1) }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
  return { path: '/etc/cni/net.d/10-zone.conflist', text: `${JSON.stringify(document, undefined, 2)}\n` };
}

type Tree = Readonly<Record<string, unknown>>;

/** What the image's source says of its own surroundings wins, key by key. */
function merge(document: Tree, profile: string | undefined): Tree {
  return profile === undefined ? document : mergeTrees(document, (parse(profile) ?? {}) as Tree);
}

function mergeTrees(under: Tree, over: Tree): Tree {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isTree(below) && isTree(value) ? mergeTrees(below, value) : value;
  }
  return merged;
}

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
