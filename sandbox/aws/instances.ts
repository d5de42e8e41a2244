/**
 * Lives of instances: a record per instance beside the emulator's, and the machine that it stands for.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
 */
import type { Machines } from '../machines/model.ts';
import type { Emulator } from './emulator.ts';
import type { ImageStore } from './images.ts';
import { Mutex } from './mutex.ts';
import type { NetworkMirror } from './network-mirror.ts';
import { BOOT_FAILED, OWN_SHUTDOWN, USER_SHUTDOWN } from './instance-record.ts';
import type { InstanceRecord, InstanceState } from './instance-record.ts';
import { releaseRecords } from './release-records.ts';

export interface InstanceParts {
  readonly emulator: Emulator;
  readonly machines: Machines;
  readonly images: ImageStore;
  readonly mirror: NetworkMirror;
  readonly ec2Lock: Mutex;
  readonly haltSeconds: number;
}

export class Instances {
  readonly #parts: InstanceParts;
  readonly #records = new Map<string, InstanceRecord>();
  readonly #queues = new Map<string, Mutex>();
  #closing = false;

  constructor(parts: InstanceParts) {
    this.#parts = parts;
    parts.machines.onExit((id, reason) => void this.#exited(id, reason));
  }

  get all(): readonly InstanceRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): InstanceRecord | undefined {
    return this.#records.get(id);
  }

  /** From here on machines may end without anything following from it. */
  close(): void {
    this.#closing = true;
  }

  /** Takes a new instance on and boots its machine once the network is made. */
  launch(record: InstanceRecord): void {
    this.#records.set(record.id, record);
    this.#boot(record);
  }

  start(record: InstanceRecord): void {
    record.state = 'pending';
    delete record.reason;
    delete record.reasonTime;
    this.#boot(record);
  }

  /** With force, as by pulling the plug. */
  stop(record: InstanceRecord, force: boolean): void {
    this.#change(record, 'stopping', USER_SHUTDOWN);
    this.#enqueue(record, async () => {
      await this.#halt(record, force);
      if (record.state === 'stopping') record.state = 'stopped';
    });
  }

  terminate(record: InstanceRecord, reason = USER_SHUTDOWN): void {
    this.#change(record, 'shutting-down', reason);
    this.#enqueue(record, () => this.#end(record));
  }

  reboot(record: InstanceRecord): void {
    this.#enqueue(record, async () => {
      if (record.state === 'running') await this.#parts.machines.reboot(record.id);
    });
  }

  /**
   * Freezes the disk of a stopped instance into a layer. Further captures of the same disk share it.
   * A running one is halted for it and boots again, as EC2 does without NoReboot.
   */
  async capture(record: InstanceRecord): Promise<readonly string[]> {
    await this.#queue(record).run(async () => {
      const running = record.state === 'running';
      if (running) await this.#parts.machines.stop(record.id, this.#parts.haltSeconds);
      if (record.captured !== true) {
        const layer = this.#parts.images.newLayer();
        await this.#parts.machines.captureLayer(record.id, layer.path);
        record.layers = [layer.name, ...record.layers];
        record.captured = true;
        layer.settle();
      }
      if (running) this.#boot(record);
    });
    return record.layers;
  }

  async console(record: InstanceRecord): Promise<string> {
    return record.lastConsole ?? this.#parts.machines.console(record.id);
  }

  /** Resolves when nothing of what was begun for the instance is under way. */
  settled(id: string): Promise<void> {
    return this.#queues.get(id)?.run(() => Promise.resolve()) ?? Promise.resolve();
  }

  #boot(record: InstanceRecord): void {
    this.#enqueue(record, async () => {
      if (record.state !== 'pending' && record.state !== 'running') return;
      try {
        await this.#bootMachine(record);
        if (record.state === 'pending') record.state = 'running';
      } catch (error) {
        console.error(`Cannot boot ${record.id}`, error);
        this.#change(record, 'shutting-down', BOOT_FAILED);
        await this.#end(record);
      }
    });
  }

  async #bootMachine(record: InstanceRecord): Promise<void> {
    const { machines, images, mirror, ec2Lock } = this.#parts;
    if (record.captured === true) {
      // What was captured can no longer be written to: the machine gets a new layer over it.
      await machines.remove(record.id);
      record.captured = false;
      await ec2Lock.run(() => mirror.apply());
    }
    // Once the lock is free, the call that launched the instance has made its network.
    await ec2Lock.run(() => Promise.resolve());
    await machines.boot({
      instanceId: record.id,
      layers: images.layerPaths(record.layers),
      hostname: `ip-${record.privateIp.replaceAll('.', '-')}`,
      interfaceId: record.interfaceId,
    });
  }

  async #halt(record: InstanceRecord, force: boolean): Promise<void> {
    const { machines, haltSeconds } = this.#parts;
    if (force) await machines.powerCut(record.id);
    else await machines.stop(record.id, haltSeconds);
  }

  async #end(record: InstanceRecord): Promise<void> {
    const { machines, emulator, ec2Lock, mirror, images } = this.#parts;
    await machines.stop(record.id, Math.min(this.#parts.haltSeconds, 10));
    record.lastConsole = await machines.console(record.id).catch(() => '');
    await machines.remove(record.id);
    await ec2Lock.run(async () => {
      await releaseRecords(emulator, record);
      await mirror.apply();
    });
    await images.removeUnused(this.layersInUse(record));
    record.state = 'terminated';
    record.terminatedAt = Date.now();
  }

  /** Layers that instances stand on, but for one that goes. */
  layersInUse(except?: InstanceRecord): string[] {
    const standing = this.all.filter((record) => record.state !== 'terminated' && record !== except);
    return standing.flatMap(({ layers }) => layers);
  }

  async #exited(id: string, reason: 'poweroff' | 'reboot' | 'killed'): Promise<void> {
    const record = this.#records.get(id);
    if (this.#closing || record === undefined) return;
    if (record.state !== 'running' && record.state !== 'pending') return;
    // Whoever runs the machines boots it again.
    if (reason === 'reboot') return;
    if (record.shutdownBehavior === 'terminate') return this.terminate(record, OWN_SHUTDOWN);
    this.#change(record, 'stopping', OWN_SHUTDOWN);
    this.#enqueue(record, async () => {
      await this.#parts.emulator.ec2('StopInstances', { 'InstanceId.1': id });
      if (record.state === 'stopping') record.state = 'stopped';
    });
  }

  #change(record: InstanceRecord, state: InstanceState, reason: { code: string; message: string }): void {
    record.state = state;
    record.reason = reason;
    record.reasonTime = `${new Date().toISOString().slice(0, 19).replace('T', ' ')} GMT`;
  }

  #queue(record: InstanceRecord): Mutex {
    const queue = this.#queues.get(record.id) ?? new Mutex();
    this.#queues.set(record.id, queue);
    return queue;
  }

  #enqueue(record: InstanceRecord, task: () => Promise<void>): void {
    this.#queue(record)
      .run(task)
      .catch((error: unknown) => {
        if (!this.#closing) console.error(`Instance ${record.id} is stuck in ${record.state}`, error);
      });
  }
}
