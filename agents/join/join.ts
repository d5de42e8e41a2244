import { setTimeout as sleep } from 'node:timers/promises';
import { MACHINE_CONFIG_PATH, machineConfigSchema, type MachineConfig } from '../../domain/machine-config.ts';
import { parse } from '../../domain/parse.ts';
import { authorityProfile, SERVICE_ACCOUNT_KEY } from '../../domain/pki/authorities.ts';
import { nodeName } from '../../domain/pki/facts.ts';
import { certificateProfiles } from '../../domain/pki/profiles.ts';
import { configFiles } from '../configs/index.ts';
import type { MachineFiles } from '../host/files.ts';
import type { NodeFacts } from '../host/metadata.ts';
import type { MachineStore } from '../host/store.ts';
import type { Systemd } from '../host/systemd.ts';
import {
  ensureKeys,
  ensureServiceAccountKey,
  installCertificates,
  putRequests,
  readCertificates,
  stillMissing,
} from './certificates.ts';
import type { JoinReport } from './report.ts';
import { restoreEtcd } from './restore.ts';
import { probe, probesOf, unitsOf } from './units.ts';

export interface JoinMachine {
  readonly files: MachineFiles;
  readonly systemd: Systemd;
  readonly report: JoinReport;
  readonly readFacts: () => Promise<NodeFacts>;
  readonly openStore: (config: MachineConfig) => Promise<MachineStore>;
  readonly pollMs: number;
  /** How long units may take to be healthy before the join starts over. */
  readonly healthMs: number;
  /** Path of etcdutl; that of the image without it. */
  readonly etcdutl?: string;
}

/**
 * Makes a booted machine a member of its zone. Runs at every boot: what is there already is kept, so that a machine
 * that has joined comes back by itself, and a join that was cut short goes on.
 */
export async function joinZone(machine: JoinMachine): Promise<void> {
  const { files, report } = machine;
  const config = parse(
    machineConfigSchema,
    JSON.parse(files.read(MACHINE_CONFIG_PATH) ?? 'null'),
    MACHINE_CONFIG_PATH,
  );
  await report.enter('metadata');
  const facts = await machine.readFacts();
  const store = await machine.openStore(config);
  await report.openTo(store);
  await report.enter('hostname');
  setHostname(files, nodeName({ instanceId: facts.instanceId, role: config.role }), facts.privateIp);
  const certificatesChanged = await obtainCertificates(machine, config, facts, store);
  const profiles = profilesOf(config, facts);
  const opener = profiles.find(({ id }) => id === SERVICE_ACCOUNT_KEY.sealedFor);
  if (opener) await ensureServiceAccountKey(files, store, opener);
  await report.enter('configuration');
  const changed = configFiles({ config, facts, profiles, read: (path) => files.read(path) }).map((file) =>
    files.write(file),
  );
  await restoreEtcd(machine, config, facts, store);
  await report.enter('units');
  await startUnits(machine.systemd, unitsOf(config), certificatesChanged || changed.includes(true));
  await report.enter('health');
  await waitForHealth(machine, config);
  await report.enter('ready');
}

const profilesOf = (config: MachineConfig, facts: NodeFacts) =>
  certificateProfiles({
    domain: config.domain,
    role: config.role,
    slot: config.slot,
    instanceId: facts.instanceId,
    privateIp: facts.privateIp,
    serviceCidr: config.cluster.serviceCidr,
  });

async function obtainCertificates(
  { files, report, pollMs }: JoinMachine,
  config: MachineConfig,
  facts: NodeFacts,
  store: MachineStore,
): Promise<boolean> {
  await report.enter('keys');
  const missing = await ensureKeys(files, config.domain, profilesOf(config, facts));
  if (missing.length === 0) return false;
  await report.enter('requests');
  await putRequests(store, missing);
  await report.enter('certificates');
  for (;;) {
    const document = await readCertificates(store);
    const left = stillMissing(document, missing);
    if (document && left.length === 0) return installCertificates(files, config.domain, document, missing);
    await report.detail(`waiting for certificates: ${left.join(', ')}`);
    await sleep(pollMs);
  }
}

const HOSTS_MARK = '# zonewright';

function setHostname(files: MachineFiles, name: string, privateIp: string): void {
  files.write({ path: '/etc/hostname', text: `${name}\n` });
  files.writeInPlace('/proc/sys/kernel/hostname', name);
  const others = (files.read('/etc/hosts') ?? '127.0.0.1 localhost\n')
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith(HOSTS_MARK));
  const line = `${privateIp} ${name} ${HOSTS_MARK}`;
  files.write({ path: '/etc/hosts', text: `${[...others, line].join('\n')}\n` });
}

/** Restarts what runs with an older configuration, and starts the rest. */
async function startUnits(systemd: Systemd, units: readonly string[], changed: boolean): Promise<void> {
  if (units.length === 0) return;
  await systemd.enable(units);
  await (changed ? systemd.restart(units) : systemd.start(units));
}

async function waitForHealth(machine: JoinMachine, config: MachineConfig): Promise<void> {
  const units = unitsOf(config);
  const authority = machine.files.at(authorityProfile('kubernetes', config.domain).path);
  const deadline = Date.now() + machine.healthMs;
  for (;;) {
    const states = units.length > 0 ? await machine.systemd.states(units) : [];
    const problems = units.flatMap((unit, at) =>
      states[at] === 'active' ? [] : [`${unit} is ${states[at] ?? 'unknown'}`],
    );
    const answers = await Promise.all(probesOf(config).map((url) => probe(url, authority)));
    problems.push(...answers.filter((answer) => answer !== undefined));
    if (problems.length === 0) return;
    await machine.report.detail(problems.join('; '));
    if (Date.now() > deadline) throw new Error(`Cannot make the machine healthy: ${problems.join('; ')}`);
    await sleep(machine.pollMs);
  }
}
