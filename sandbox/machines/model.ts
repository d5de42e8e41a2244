/** Everything a machine needs to boot; decided by the AWS front, carried out by `Machines`. */
export interface MachineSpec {
  readonly instanceId: string;
  /** Folders of the image's layers, uppermost first; read only. */
  readonly layers: readonly string[];
  /** Name the machine is booted with, e.g. `ip-172-16-0-10`; cloud-init may change it. */
  readonly hostname: string;
  /** The interface whose namespace (`Network.machineNamespace`) the machine lives in. */
  readonly interfaceId: string;
}

export type ExitReason = 'poweroff' | 'reboot' | 'killed';

export interface Machines {
  /** Mounts the root over its layers and boots; resolves once the machine's process runs. Booting twice changes nothing. */
  boot(spec: MachineSpec): Promise<void>;
  /** Asks systemd to halt, kills after `graceSeconds`; resolves when no process of the machine is left. Its disk stays. */
  stop(instanceId: string, graceSeconds: number): Promise<void>;
  /** Halts and boots again with the same disk. */
  reboot(instanceId: string): Promise<void>;
  /** Power cut: link down first, then SIGKILL to the machine's PID 1 and what is left of it. Its disk stays. */
  powerCut(instanceId: string): Promise<void>;
  /** Removes the disk, mounts, cgroups and namespaces of a machine that does not run. Succeeds on nothing. */
  remove(instanceId: string): Promise<void>;
  /** What the machine wrote to its console since its last boot, at most the last 64 KiB as EC2 keeps it. */
  console(instanceId: string): Promise<string>;
  /** Freezes a stopped machine's own layer into `folder`, without copying; the machine can no longer boot. */
  captureLayer(instanceId: string, folder: string): Promise<void>;
  /** Machines with a running process. */
  running(): readonly string[];
  /** Called when a machine's process ended by itself (power off, reboot or killed from outside). */
  onExit(listener: (instanceId: string, reason: ExitReason) => void): void;
  /** Stops everything and removes every mount, cgroup and loop device, also of a run that was killed. */
  destroy(): Promise<void>;
}

/** What the metadata service says about an instance; the front answers from its inventory. */
export interface InstanceFacts {
  readonly instanceId: string;
  readonly imageId: string;
  readonly instanceType: string;
  readonly hostname: string;
  readonly privateIp: string;
  readonly publicIp?: string;
  readonly macAddress: string;
  readonly interfaceId: string;
  readonly subnetId: string;
  readonly subnetCidr: string;
  readonly vpcId: string;
  readonly vpcCidr: string;
  readonly availabilityZone: string;
  readonly region: string;
  readonly accountId: string;
  readonly securityGroupNames: readonly string[];
  /** Raw bytes, already decoded from base64. */
  readonly userData?: Uint8Array;
  readonly tags: Readonly<Record<string, string>>;
  /** InstanceMetadataTags=enabled. */
  readonly tagsInMetadata: boolean;
  readonly instanceProfile?: { readonly arn: string; readonly id: string; readonly roleName: string };
}

/** Temporary credentials of an instance's role, as `iam/security-credentials/<role>` hands them out. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token: string;
  readonly expiration: Date;
}

export interface MetadataSource {
  /** The instance that owns this private address in this VPC. */
  facts(vpcId: string, privateIp: string): Promise<InstanceFacts | undefined>;
  credentials(instanceId: string): Promise<RoleCredentials | undefined>;
}
