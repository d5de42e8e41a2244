import type { MachineFile } from '../host/files.ts';

const CRI = 'plugins."io.containerd.grpc.v1.cri"';

/** Key and value as TOML writes them, by section; the section before the first header is `''`. */
type Sections = Map<string, Map<string, string>>;

/**
 * Configuration of containerd, in its version 2, which later releases read too.
 *
 * @param cgroupDriver the kubelet's: both must manage cgroups the same way
 * @param profile settings that win, key by key; plain `key = value` lines under section headers
 */
export function containerdConfig(cgroupDriver: unknown, profile: string | undefined): MachineFile {
  const sections: Sections = new Map([
    ['', new Map([['version', '2']])],
    [CRI, new Map([['sandbox_image', '"zonewright.dev/pause:1"']])],
    [
      `${CRI}.cni`,
      new Map([
        ['bin_dir', '"/usr/lib/cni"'],
        ['conf_dir', '"/etc/cni/net.d"'],
      ]),
    ],
    [`${CRI}.containerd.runtimes.runc`, new Map([['runtime_type', '"io.containerd.runc.v2"']])],
    [
      `${CRI}.containerd.runtimes.runc.options`,
      new Map([['SystemdCgroup', String(cgroupDriver === 'systemd')]]),
    ],
  ]);
  for (const [name, settings] of readSections(profile ?? '')) {
    const below = sections.get(name) ?? new Map<string, string>();
    sections.set(name, new Map([...below, ...settings]));
  }
  return { path: '/etc/containerd/config.toml', text: writeSections(sections) };
}

function readSections(text: string): Sections {
  let current = new Map<string, string>();
  const sections: Sections = new Map([['', current]]);
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const header = /^\[([^[\]]+)\]$/.exec(line)?.[1];
    const [, key, value] = /^([\w-]+)\s*=\s*(.+)$/.exec(line) ?? [];
    if (header !== undefined) {
      current = sections.get(header) ?? new Map<string, string>();
      sections.set(header, current);
    } else if (key !== undefined && value !== undefined) {
      current.set(key, value);
    } else {
      throw new Error(
        `Cannot read line ${at + 1} of containerd's profile, ${JSON.stringify(line)}: expected "key = value"`,
      );
    }
  }
  return sections;
}

const writeSections = (sections: Sections): string =>
  [...sections]
    .map(([name, settings]) => [
      ...(name === '' ? [] : [`[${name}]`]),
      ...[...settings].map(([key, value]) => `${key} = ${value}`),
      '',
    ])
    .flat()
    .join('\n');
