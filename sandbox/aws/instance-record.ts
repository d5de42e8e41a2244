/** What the front knows of an instance beside the emulator's record of it. */

export type InstanceState = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';

export const STATE_CODES: Readonly<Record<InstanceState, string>> = {
  pending: '0',
  running: '16',
  'shutting-down': '32',
  terminated: '48',
  stopping: '64',
  stopped: '80',
};

export interface InstanceRecord {
  readonly id: string;
  readonly imageId: string;
  /** As the image store names them, uppermost first; grows when the machine's own layer is captured. */
  layers: readonly string[];
  readonly rootDeviceName: string;
  readonly encrypted: boolean;
  readonly interfaceId: string;
  /** Interfaces that go when the instance goes. */
  readonly ownInterfaceIds: readonly string[];
  readonly privateIp: string;
  readonly clientToken?: string;
  /** Public address that came with the launch; an Elastic IP takes precedence. */
  readonly publicIp?: string;
  shutdownBehavior: 'stop' | 'terminate';
  state: InstanceState;
  reason?: { readonly code: string; readonly message: string };
  /** When that reason came about, as EC2 shows it: `2026-11-21 14:00:00 GMT`. */
  reasonTime?: string;
  /** The machine's own layer was frozen and stands first in `layers`; nothing was written since. */
  captured?: boolean;
  /** Last console output of a machine that is no more. */
  lastConsole?: string;
  terminatedAt?: number;
}

export const USER_SHUTDOWN = {
  code: 'Client.UserInitiatedShutdown',
  message: 'Client.UserInitiatedShutdown: User initiated shutdown',
};
export const OWN_SHUTDOWN = {
  code: 'Client.InstanceInitiatedShutdown',
  message: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown',
};
export const BOOT_FAILED = {
  code: 'Server.InternalError',
  message: 'Server.InternalError: Internal error on launch',
};
