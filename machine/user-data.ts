import { stringify } from 'yaml';
import { InvalidInput } from '../domain/errors.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html */
export const USER_DATA_LIMIT_BYTES = 16_384;

export interface CloudConfig {
  readonly files: readonly {
    readonly path: string;
    readonly content: string;
    readonly permissions: string;
  }[];
  readonly commands: readonly (readonly string[])[];
}

/**
 * Renders `#cloud-config`. Pure: the same input gives the same bytes, as RunInstances' client token wants.
 *
 * @throws {InvalidInput} when it would be larger than EC2 takes
 */
export function renderCloudConfig(what: string, { files, commands }: CloudConfig): string {
  const document = {
    // The machine names itself; cloud-init would put the address's name back at every boot.
    preserve_hostname: true,
    write_files: files,
    ...(commands.length > 0 ? { runcmd: commands } : {}),
  };
  const text = `#cloud-config\n${stringify(document, { lineWidth: 0, indent: 1 })}`;
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > USER_DATA_LIMIT_BYTES) {
    throw new InvalidInput(what, [
      { path: 'user data', value: `${bytes} bytes`, expected: `at most ${USER_DATA_LIMIT_BYTES} bytes` },
    ]);
  }
  return text;
}

/** A Python program without comments and docstrings, indented by one: user data is short of room. */
export function compactPython(...parts: readonly string[]): string {
  return parts
    .join('\n')
    .split('\n')
    .filter((line) => !/^\s*(#.*|""".*""")?$/.test(line))
    .map((line) => line.replace(/^(?: {4})+/, (indent) => ' '.repeat(indent.length / 4)))
    .map((line) => `${line}\n`)
    .join('');
}

/**
 * A program that runs once cloud-init is done, as a unit of its own: so it may clean up after cloud-init and power the
 * machine off. All of it lies in memory and leaves nothing in an image.
 */
export function onceAfterCloudInit(name: string, program: string, parameters: unknown): CloudConfig {
  const unit = [
    '[Unit]',
    `Description=zonewright ${name}`,
    'After=cloud-final.service network-online.target',
    '[Service]',
    'Type=oneshot',
    'TimeoutStartSec=infinity',
    'EnvironmentFile=-/etc/environment',
    `ExecStart=/usr/bin/python3 /run/zonewright/${name}.py /run/zonewright/${name}.json`,
    'StandardOutput=journal+console',
    'StandardError=journal+console',
    '',
  ].join('\n');
  return {
    files: [
      { path: `/run/zonewright/${name}.py`, content: program, permissions: '0700' },
      { path: `/run/zonewright/${name}.json`, content: JSON.stringify(parameters), permissions: '0600' },
      { path: `/run/systemd/system/zonewright-${name}.service`, content: unit, permissions: '0644' },
    ],
    commands: [
      ['systemctl', 'daemon-reload'],
      ['systemctl', 'start', '--no-block', `zonewright-${name}.service`],
    ],
  };
}
