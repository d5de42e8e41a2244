/** The pinned servers and files that the sandbox and the tests run on. */
import { baseRoot } from './base-root.ts';
import { chromium } from './chromium.ts';
import { composeSpec } from './compose.ts';
import { containerd } from './containerd.ts';
import { coredns } from './coredns.ts';
import { debianPackages, testPackages } from './debian-packages.ts';
import { type Located, locateTool, obtainTool } from './engine.ts';
import { etcd, etcdctl, etcdutl } from './etcd.ts';
import { go } from './go.ts';
import { java } from './java.ts';
import {
  kubeApiserver,
  kubeControllerManager,
  kubectl,
  kubelet,
  kubeProxy,
  kubeScheduler,
} from './kubernetes.ts';
import { moto } from './moto.ts';
import { node } from './node.ts';
import { temporal } from './temporal.ts';
import { temporalTestServer } from './temporal-test-server.ts';
import type { ObtainOptions, Tool } from './tool.ts';
import { unbound } from './unbound.ts';
import { versitygw } from './versitygw.ts';

export type { ObtainOptions, Progress, Tool } from './tool.ts';
export { ToolUnavailableError } from './tool.ts';

export const TOOLS = {
  go,
  temporal,
  'temporal-test-server': temporalTestServer,
  java,
  etcd,
  etcdctl,
  etcdutl,
  'kube-apiserver': kubeApiserver,
  'kube-controller-manager': kubeControllerManager,
  'kube-scheduler': kubeScheduler,
  kubelet,
  'kube-proxy': kubeProxy,
  kubectl,
  versitygw,
  moto,
  coredns,
  unbound,
  node,
  'debian-packages': debianPackages,
  'test-packages': testPackages,
  'base-root': baseRoot,
  containerd,
  chromium,
  'compose-spec': composeSpec,
} as const satisfies Record<string, Tool>;

export type ToolName = keyof typeof TOOLS;

export interface ToolStatus {
  readonly name: ToolName;
  readonly version: string;
  /** Absent while the tool is not there. */
  readonly located?: Located;
  /** Why it cannot be located, e.g. a variable that names no file. */
  readonly problem?: string;
}

const lookup = (name: string): Tool | undefined => (TOOLS as Record<string, Tool>)[name];
const obtained = new Map<ToolName, Promise<string>>();

/**
 * Path of the tool's executable, file or folder, obtained first where it is not there yet.
 * @throws {ToolUnavailableError} one sentence with the command that installs it
 */
export function obtain(name: ToolName, options: ObtainOptions = {}): Promise<string> {
  const known = obtained.get(name);
  if (known) return known;
  const path = obtainTool(TOOLS[name], lookup, options);
  obtained.set(name, path);
  path.catch(() => obtained.delete(name));
  return path;
}

/** Go builds use every core, so they run one after another, beside the chain of everything else. */
export async function obtainAll<Name extends ToolName>(
  names: readonly Name[],
  options: ObtainOptions = {},
): Promise<Record<Name, string>> {
  const paths: Partial<Record<Name, string>> = {};
  const take = async (chain: readonly Name[]) => {
    for (const name of chain) paths[name] = await obtain(name, options);
  };
  const isBuilt = (name: Name) => isGoBuilt(TOOLS[name]);
  const results = await Promise.allSettled([
    take(names.filter(isBuilt)),
    take(names.filter((name) => !isBuilt(name))),
  ]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return paths as Record<Name, string>;
}

const isGoBuilt = ({ source }: Tool): boolean => source.kind === 'parcel' && source.parcel.compiled === true;

/** Where every tool is now; obtains nothing. */
export function status(): Promise<ToolStatus[]> {
  const names = Object.keys(TOOLS) as ToolName[];
  return Promise.all(
    names.map(async (name) => {
      const { version } = TOOLS[name];
      try {
        const located = await locateTool(TOOLS[name], lookup);
        return { name, version, ...(located && { located }) };
      } catch (error) {
        return { name, version, problem: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}
