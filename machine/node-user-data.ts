import {
  MACHINE_CONFIG_PATH,
  machineConfigSchema,
  type MachineConfigInput,
} from '../domain/machine-config.ts';
import { parse } from '../domain/parse.ts';
import { renderCloudConfig } from './user-data.ts';

/**
 * User data of a machine of a zone: only its configuration; the image's join unit does the rest. Holds no secret.
 *
 * @throws {InvalidInput} when the configuration is wrong, before any machine is started with it
 */
export function nodeUserData(config: MachineConfigInput): string {
  const what = `configuration of ${config.role} ${config.slot}`;
  const content = `${JSON.stringify(parse(machineConfigSchema, config, what), undefined, 1)}\n`;
  return renderCloudConfig(what, {
    files: [{ path: MACHINE_CONFIG_PATH, content, permissions: '0644' }],
    commands: [],
  });
}
