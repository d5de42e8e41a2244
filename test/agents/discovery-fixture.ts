/** A discovery etcd as directors run it: the certificates of real machines, users by their names, on loopback. */
import { Etcd3 } from 'etcd3';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthority, newSerial } from '../../activities/pki/authority.ts';
import { signCsr } from '../../activities/pki/sign-request.ts';
import { discoveryMemberEffect } from '../../activities/discovery-member.ts';
import type { EtcdAccess } from '../../activities/cloud/etcd.ts';
import { openDiscovery, type DiscoveryAccess } from '../../agents/discovery/client.ts';
import { ensureKey, signingRequest } from '../../agents/host/key-pairs.ts';
import { MachineFiles } from '../../agents/host/files.ts';
import { authorityProfile } from '../../domain/pki/authorities.ts';
import { nodeName, type MachineRole } from '../../domain/pki/facts.ts';
import { certificateProfiles } from '../../domain/pki/profiles.ts';
import type { PlanOf } from '../../domain/resources/index.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { freePort } from '../activities/control-plane.ts';
import { effectRunner, someOwner } from '../activities/run-effect.ts';
import { DOMAIN, makeRoot, machineConfig, SERVICE_CIDR } from './machine-fixture.ts';

export const BORDER = 'i-0b00000000000000a';
/** Workers by name, with pod ranges of addresses that this computer answers at. */
export const WORKERS = {
  a: { instanceId: 'i-0aaaaaaaaaaaaaaaa', podCidr: '127.0.1.0/24' },
  b: { instanceId: 'i-0bbbbbbbbbbbbbbbb', podCidr: '127.0.2.0/24' },
} as const;
export type WorkerName = keyof typeof WORKERS;
export const nodeOf = (name: WorkerName): string =>
  nodeName({ instanceId: WORKERS[name].instanceId, role: 'worker' });

export class TestDiscovery {
  readonly folder = mkdtempSync(join(tmpdir(), 'zonewright-discovery-'));
  readonly #machine = makeRoot(machineConfig('border'));
  readonly #sign: (role: MachineRole, instanceId: string, id: string) => Promise<string>;
  readonly #flags: readonly string[];
  readonly endpoint: string;
  readonly #caFile: string;
  #child: ChildProcess | undefined;

  private constructor(
    endpoint: string,
    flags: (folder: string) => readonly string[],
    caFile: string,
    sign: (files: MachineFiles, role: MachineRole, instanceId: string, id: string) => Promise<string>,
  ) {
    this.endpoint = endpoint;
    this.#caFile = caFile;
    this.#flags = flags(this.folder);
    this.#sign = (...of) => sign(this.#machine.files, ...of);
  }

  static async start(): Promise<TestDiscovery> {
    const authority = await createAuthority(authorityProfile('discovery', DOMAIN), 3650);
    const certificates = mkdtempSync(join(tmpdir(), 'zonewright-discovery-pki-'));
    const caFile = join(certificates, 'ca.crt');
    writeFileSync(caFile, authority.certificatePem);
    const sign = async (files: MachineFiles, role: MachineRole, instanceId: string, id: string) => {
      const facts = {
        domain: DOMAIN,
        role,
        slot: 0,
        instanceId,
        privateIp: '127.0.0.1',
        serviceCidr: SERVICE_CIDR,
      };
      const profile = certificateProfiles(facts).find((each) => each.id === id)!;
      const path = `/pki/${instanceId}-${id}`;
      const csrPem = signingRequest(await ensureKey(files, path, 'root'), id);
      const notBefore = new Date(Date.now() - 60_000);
      const text = signCsr({ csrPem, profile, authority, notBefore, serial: newSerial() });
      files.write({ path: `${path}.crt`, text });
      return files.at(path);
    };
    const [client, peer] = [await freePort(), await freePort()];
    const endpoint = `https://127.0.0.1:${client}`;
    let pair = '';
    const flags = (folder: string) => [
      ...['--name=director-0', `--data-dir=${folder}/member`, '--client-cert-auth', '--log-level=error'],
      ...[`--listen-client-urls=${endpoint}`, `--advertise-client-urls=${endpoint}`],
      ...[
        `--listen-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
      ],
      ...[`--initial-cluster=director-0=http://127.0.0.1:${peer}`, `--trusted-ca-file=${caFile}`],
      ...[`--cert-file=${folder}/server.crt`, `--key-file=${folder}/server.key`],
    ];
    const made = new TestDiscovery(endpoint, flags, caFile, sign);
    pair = await made.#sign('director', 'i-0d00000000000000d', 'discovery-server');
    for (const ending of ['crt', 'key'])
      writeFileSync(`${made.folder}/server.${ending}`, readFileSync(`${pair}.${ending}`));
    await made.run();
    await made.#enableUsers();
    return made;
  }

  /** Starts etcd where it does not run, and waits for it. */
  async run(): Promise<void> {
    this.#child = spawn(await obtain('etcd'), this.#flags, { stdio: 'ignore' });
    const root = await this.access('border', BORDER, 'discovery-operator');
    for (let left = 100; ; left--) {
      try {
        (await openDiscovery(root, '/x')).close();
        return;
      } catch (error) {
        if (left === 0) throw error;
        await sleep(100);
      }
    }
  }

  /** Ends etcd at once; what it stored stays. */
  async kill(): Promise<void> {
    if (this.#child === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
    this.#machine.remove();
  }

  async access(role: MachineRole, instanceId: string, id: string): Promise<DiscoveryAccess & EtcdAccess> {
    const pair = await this.#sign(role, instanceId, id);
    return {
      endpoints: [this.endpoint],
      caFile: this.#caFile,
      certFile: `${pair}.crt`,
      keyFile: `${pair}.key`,
    };
  }

  async root(): Promise<Etcd3> {
    return openDiscovery(await this.access('border', BORDER, 'discovery-operator'), '/x');
  }

  /** The client of a worker's agent. */
  async worker(name: WorkerName): Promise<Etcd3> {
    const access = await this.access('worker', WORKERS[name].instanceId, 'discovery-node');
    return openDiscovery(access, `/nodes/${nodeOf(name)}/agent`);
  }

  /** Lets machines in as an operation does. */
  async members() {
    const effect = discoveryMemberEffect(await this.access('border', BORDER, 'discovery-operator'));
    const runner = effectRunner('discovery-member', effect);
    const input = (plan: PlanOf<'discovery-member'>) => ({ owner: someOwner(plan.machine), plan });
    return {
      runner,
      border: input({ machine: 'border-0', instanceId: BORDER }),
      a: input({ machine: 'worker-0', ...WORKERS.a }),
      b: input({ machine: 'worker-1', ...WORKERS.b }),
    };
  }

  async #enableUsers(): Promise<void> {
    const root = await this.root();
    await root.auth.userAdd({ name: 'root', options: { no_password: true } });
    await root.auth.userGrantRole({ user: 'root', role: 'root' });
    await root.auth.authEnable();
    root.close();
  }
}
