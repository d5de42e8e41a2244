/** What the sandbox's source AMI holds beside Debian: only what tells a container from a machine on EC2. */

/** Part of the cache's key beside the files and lists below: raised when what `buildSourceImage` does with them changes. */
export const SOURCE_IMAGE_VERSION = 1;

/** Where machines of the sandbox find its services. */
export interface SourceImageServices {
  /** Base URL of the AWS front as machines see it, e.g. `http://198.18.255.1`. */
  readonly awsEndpoint: string;
  /** Temporal's frontend as machines see it, e.g. `198.18.255.2:7233`. */
  readonly temporal?: string;
}

export interface ImageFile {
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
}

/** Files added to the base system, or put in the place of its own. */
export function sourceImageFiles(services: SourceImageServices): readonly ImageFile[] {
  const environment = serviceEnvironment(services);
  return [
    { path: 'etc/environment', text: lines(environment) },
    {
      path: 'etc/systemd/system.conf.d/90-sandbox.conf',
      text: lines(['[Manager]', `DefaultEnvironment=${environment.map((each) => `"${each}"`).join(' ')}`]),
    },
    // EC2's DHCP would hand out this resolver; machines of the sandbox are addressed before they boot.
    { path: 'etc/resolv.conf', text: 'nameserver 169.254.169.253\n' },
    { path: 'etc/hosts', text: '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' },
    { path: 'etc/hostname', text: 'localhost\n' },
    // Empty, not absent: systemd fills it at the first boot, and does not take that for the first boot of an installation.
    { path: 'etc/machine-id', text: '' },
    { path: 'etc/cloud/cloud.cfg.d/90-sandbox.cfg', text: CLOUD_CONFIG },
    { path: 'usr/local/sbin/dmidecode', text: DMIDECODE, mode: 0o755 },
    { path: 'usr/local/lib/zonewright-sandbox/prepare-cgroups', text: PREPARE_CGROUPS, mode: 0o755 },
    { path: 'etc/systemd/system/sandbox-cgroups.service', text: CGROUPS_UNIT },
    { path: 'etc/zonewright/profile.d/containerd.toml', text: CONTAINERD_PROFILE },
    { path: 'etc/zonewright/profile.d/kubelet.yaml', text: KUBELET_PROFILE },
    { path: 'etc/zonewright/profile.d/kube-proxy.yaml', text: KUBE_PROXY_PROFILE },
  ];
}

/** Symbolic links: path in the image and what it points to. */
export const SOURCE_IMAGE_LINKS: Readonly<Record<string, string>> = {
  'etc/systemd/system/sysinit.target.wants/sandbox-cgroups.service': '../sandbox-cgroups.service',
  'etc/systemd/system/default.target': '/lib/systemd/system/multi-user.target',
  // Debian's own settings are the computer's to make; what an image adds (as IP forwarding) still applies.
  'etc/sysctl.d/50-default.conf': '/dev/null',
  'etc/sysctl.d/50-pid-max.conf': '/dev/null',
  'etc/sysctl.d/99-protect-links.conf': '/dev/null',
  // The form in which `kubelet --config-dir` takes drop-ins.
  'etc/zonewright/profile.d/kubelet.d/90-sandbox.conf': '../kubelet.yaml',
};

/** Units that a container cannot use, or that only cost time at its boot. */
export const MASKED_UNITS: readonly string[] = [
  // With a writable /sys these wait for udev for ever, and cloud-init for them.
  'systemd-networkd.service',
  'systemd-networkd.socket',
  'systemd-networkd-wait-online.service',
  'systemd-network-generator.service',
  // The kernel, its devices and its clock are the computer's.
  'systemd-udevd.service',
  'systemd-udevd-control.socket',
  'systemd-udevd-kernel.socket',
  'systemd-udev-trigger.service',
  'systemd-udev-settle.service',
  'systemd-modules-load.service',
  'systemd-random-seed.service',
  'systemd-pstore.service',
  'systemd-binfmt.service',
  'systemd-repart.service',
  'systemd-firstboot.service',
  'systemd-hwdb-update.service',
  'systemd-update-utmp.service',
  'systemd-update-utmp-runlevel.service',
  'systemd-tmpfiles-setup-dev.service',
  'kmod-static-nodes.service',
  'sys-kernel-config.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'sys-fs-fuse-connections.mount',
  'dev-hugepages.mount',
  'dev-mqueue.mount',
  'proc-sys-fs-binfmt_misc.automount',
  'proc-sys-fs-binfmt_misc.mount',
  'cloud-init-hotplugd.socket',
  'cloud-init-hotplugd.service',
  // Nobody logs in on a console.
  'console-getty.service',
  'getty.target',
  // Chores of a machine that lives for months.
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'apt-daily.service',
  'apt-daily-upgrade.service',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
];

/** Units that Debian's packages enable and an image's recipe enables itself where it wants them. */
export const DISABLED_UNITS: readonly string[] = ['containerd.service', 'haproxy.service'];

function serviceEnvironment({ awsEndpoint, temporal }: SourceImageServices): readonly string[] {
  return [
    `AWS_ENDPOINT_URL=${awsEndpoint}`,
    ...(temporal === undefined ? [] : [`TEMPORAL_ADDRESS=${temporal}`]),
  ];
}

const lines = (each: readonly string[]): string => each.map((line) => `${line}\n`).join('');

/** Modules that touch partitions, boot loaders or package mirrors are left out: the machine has none. */
const CLOUD_CONFIG = `datasource_list: [ Ec2 ]
datasource:
  Ec2:
    metadata_urls: [ 'http://169.254.169.254' ]
    timeout: 5
    max_wait: 60
network: { config: disabled }
cloud_init_modules: [ seed_random, bootcmd, write-files, set_hostname, update_hostname, update_etc_hosts, users-groups, ssh ]
cloud_config_modules: [ timezone, runcmd ]
ssh_genkeytypes: [ ed25519 ]
cloud_final_modules:
  - package-update-upgrade-install
  - write-files-deferred
  - scripts-vendor
  - scripts-per-once
  - scripts-per-boot
  - scripts-per-instance
  - scripts-user
  - final-message
  - power-state-change
`;

/** Firmware of EC2, as far as cloud-init asks: by the UUID it knows where it is. */
const DMIDECODE = `#!/bin/sh
read -r id </etc/machine-id
id=ec2\${id#???}
case "$*" in
*system-uuid* | *system-serial-number*) echo "$id" | sed -E 's/^(.{8})(.{4})(.{4})(.{4})/\\1-\\2-\\3-\\4-/' ;;
*system-manufacturer* | *chassis-asset-tag* | *bios-vendor*) echo 'Amazon EC2' ;;
esac
`;

/** Where the computer has cgroups of version 1 they come read-only; kubelet and containerd need to write. */
const PREPARE_CGROUPS = `#!/bin/sh
mount -o remount,rw /sys/fs/cgroup || true
for folder in /sys/fs/cgroup/*/; do
  if mountpoint -q "\${folder%/}"; then mount -o remount,bind,rw "\${folder%/}"; fi
done
`;

const CGROUPS_UNIT = `[Unit]
Description=Make cgroups writable for containers of this container
DefaultDependencies=no
Before=sysinit.target containerd.service kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/zonewright-sandbox/prepare-cgroups
`;

const CONTAINERD_PROFILE = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  disable_cgroup = true
  disable_apparmor = true
  restrict_oom_score_adj = true
`;

const KUBELET_PROFILE = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
localStorageCapacityIsolation: false
`;

/** Connection tracking is sized for the whole computer; a machine's network namespace cannot change it. */
const KUBE_PROXY_PROFILE = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack:
  maxPerCore: 0
  min: 0
  tcpEstablishedTimeout: 0s
  tcpCloseWaitTimeout: 0s
`;
