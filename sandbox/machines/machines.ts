/** Boots, stops and captures machines; knows of each one that runs how it ended. */
import type { ChildProcess } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Network } from '../network/model.ts';
import { makeCgroups, removeCgroups } from './cgroups.ts';
import { removeMachines } from './cleanup.ts';
import { readConsole } from './console.ts';
import { captureDisk, diskOf, prepareDisk } from './disk.ts';
import type { Disk } from './disk.ts';
import { MachineError } from './errors.ts';
import { REBOOT_STATUS, launch } from './launch.ts';
import type { ExitReason, MachineSpec, Machines } from './model.ts';
import { eventually, initOf, signal, startTicks } from './processes.ts';

const BOOT_MILLISECONDS = 20_000;
/** SIGRTMIN+3: systemd halts. */
const HALT_SIGNAL = 37;

export interface MachinesSettings {
  /** Folder of the sandbox; machines live in `machines/` below it. */
  readonly home: string;
  readonly network: Pick<Network, 'machineNamespace' | 'setLink' | 'renewMachine'>;
}

interface Running {
  readonly spec: MachineSpec;
  readonly pid: number;
  /** Set when the end is asked for here, so that nobody is told of it. */
  expected: boolean;
  readonly ended: Promise<void>;
}

/** Opens an empty set of machines, after removing what an earlier owner of `home` left running or on disk. */
export async function openMachines(settings: MachinesSettings): Promise<Machines> {
  await removeMachines(settings.home);
  return new SystemdMachines(settings);
}

class SystemdMachines implements Machines {
  readonly #settings: MachinesSettings;
  readonly #running = new Map<string, Running>();
  readonly #listeners: Array<(instanceId: string, reason: ExitReason) => void> = [];
  /** Calls about one machine are carried out one after another. */
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #cutOff = new Set<string>();
  /** Interfaces that a machine was booted with before. */
  readonly #used = new Set<string>();
  #closed = false;

  constructor(settings: MachinesSettings) {
    this.#settings = settings;
  }

  boot(spec: MachineSpec): Promise<void> {
    return this.#inOrder(spec.instanceId, () => this.#boot(spec));
  }

  stop(instanceId: string, graceSeconds: number): Promise<void> {
    return this.#inOrder(instanceId, () => this.#stop(instanceId, graceSeconds));
  }

  reboot(instanceId: string): Promise<void> {
    return this.#inOrder(instanceId, async () => {
      const machine = this.#running.get(instanceId);
      if (machine === undefined)
        throw new MachineError(`Cannot reboot machine "${instanceId}": expected it to run`);
      await this.#stop(instanceId, 30);
      await this.#boot(machine.spec);
    });
  }

  powerCut(instanceId: string): Promise<void> {
    return this.#inOrder(instanceId, async () => {
      const machine = this.#running.get(instanceId);
      if (machine === undefined) return;
      // Its peers must not see a connection closed politely, so the link goes first.
      this.#cutOff.add(machine.spec.interfaceId);
      await this.#settings.network.setLink(machine.spec.interfaceId, false);
      await this.#kill(machine);
    });
  }

  remove(instanceId: string): Promise<void> {
    return this.#inOrder(instanceId, async () => {
      if (this.#running.has(instanceId)) {
        throw new MachineError(`Cannot remove machine "${instanceId}": expected it to be stopped`);
      }
      await removeCgroups(instanceId);
      await rm(this.#disk(instanceId).folder, { recursive: true, force: true });
    });
  }

  console(instanceId: string): Promise<string> {
    return readConsole(this.#disk(instanceId));
  }

  captureLayer(instanceId: string, folder: string): Promise<void> {
    return this.#inOrder(instanceId, async () => {
      if (this.#running.has(instanceId)) {
        throw new MachineError(`Cannot capture machine "${instanceId}": expected it to be stopped`);
      }
      await captureDisk(this.#disk(instanceId), folder);
    });
  }

  running(): readonly string[] {
    return [...this.#running.keys()];
  }

  onExit(listener: (instanceId: string, reason: ExitReason) => void): void {
    this.#listeners.push(listener);
  }

  async destroy(): Promise<void> {
    this.#closed = true;
    const machines = [...this.#running.values()];
    await Promise.all(machines.map((machine) => this.#kill(machine)));
    await removeMachines(this.#settings.home);
  }

  #disk(instanceId: string): Disk {
    return diskOf(this.#settings.home, instanceId);
  }

  async #boot(spec: MachineSpec): Promise<void> {
    if (this.#running.has(spec.instanceId)) return;
    if (this.#closed) {
      throw new MachineError(
        `Cannot boot machine "${spec.instanceId}": expected a sandbox that is not taken down`,
      );
    }
    const disk = this.#disk(spec.instanceId);
    await prepareDisk(disk, spec);
    const namespace = await this.#prepareNetwork(spec.interfaceId);
    const child = launch(spec, disk, makeCgroups(spec.instanceId), namespace);
    const machine = this.#watch(spec, child);
    const record = { instanceId: spec.instanceId, pid: machine.pid, startTicks: startTicks(machine.pid) };
    await writeFile(disk.record, JSON.stringify(record));
    await eventually(BOOT_MILLISECONDS, () => child.exitCode !== null || initOf(machine.pid) !== undefined);
    if (child.exitCode === null && initOf(machine.pid) !== undefined) return;
    await this.#kill(machine);
    const words = (await this.console(spec.instanceId)).trim();
    throw new MachineError(
      `Cannot boot machine "${spec.instanceId}": expected systemd to start, got: ${words}`,
    );
  }

  /** A kernel that boots finds its interfaces as the network gave them, whatever ran with them before. */
  async #prepareNetwork(interfaceId: string): Promise<string> {
    const { network } = this.#settings;
    if (this.#used.has(interfaceId)) await network.renewMachine?.(interfaceId);
    this.#used.add(interfaceId);
    if (this.#cutOff.delete(interfaceId)) await network.setLink(interfaceId, true);
    return network.machineNamespace(interfaceId);
  }

  #watch(spec: MachineSpec, child: ChildProcess): Running {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    child.once('error', () => resolve());
    if (child.pid === undefined) {
      throw new MachineError(`Cannot boot machine "${spec.instanceId}": expected to start a process`);
    }
    const machine: Running = { spec, pid: child.pid, expected: false, ended };
    this.#running.set(spec.instanceId, machine);
    child.once('exit', (status) => void this.#finish(machine, status).then(resolve));
    return machine;
  }

  async #finish(machine: Running, status: number | null): Promise<void> {
    const { instanceId } = machine.spec;
    // What cannot be removed now is removed, or complained of, together with the machine.
    await removeCgroups(instanceId).catch(() => undefined);
    this.#running.delete(instanceId);
    if (machine.expected) return;
    const reason = status === 0 ? 'poweroff' : status === REBOOT_STATUS ? 'reboot' : 'killed';
    this.#tell(instanceId, reason);
    if (reason === 'reboot') void this.boot(machine.spec).catch(() => this.#tell(instanceId, 'killed'));
  }

  #tell(instanceId: string, reason: ExitReason): void {
    for (const listener of this.#listeners) listener(instanceId, reason);
  }

  async #stop(instanceId: string, graceSeconds: number): Promise<void> {
    const machine = this.#running.get(instanceId);
    if (machine === undefined) return;
    machine.expected = true;
    const end = performance.now() + graceSeconds * 1000;
    // systemd takes note of the signal only once it is up, so it is sent until it worked; a repeat changes nothing.
    while (this.#running.has(instanceId) && performance.now() < end) {
      signal(initOf(machine.pid), HALT_SIGNAL);
      await Promise.race([machine.ended, sleep(250)]);
    }
    await this.#kill(machine);
  }

  /** The machine's first process takes all others with it; its manager then ends by itself. */
  async #kill(machine: Running): Promise<void> {
    machine.expected = true;
    if (this.#running.get(machine.spec.instanceId) === machine) {
      signal(initOf(machine.pid) ?? machine.pid, 'SIGKILL');
    }
    await machine.ended;
  }

  #inOrder<T>(instanceId: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#queues.get(instanceId) ?? Promise.resolve()).then(task);
    this.#queues.set(
      instanceId,
      result.catch(() => undefined),
    );
    return result;
  }
}
