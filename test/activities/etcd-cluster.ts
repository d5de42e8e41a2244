/** Real etcd members on loopback, started, stopped and frozen one by one, as machines would be. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EtcdAccess } from '../../activities/cloud/etcd.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { freePort, writeCertificates } from './control-plane.ts';

export interface Place {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

export interface EtcdCluster {
  /** Endpoints of all places, whether a member lives there or not. */
  readonly access: EtcdAccess;
  readonly places: readonly Place[];
  /** Starts the member of a place; `with`: places of the members that are there already. */
  start(place: Place, beside?: readonly Place[]): Promise<void>;
  /** Kills it as a power cut would. */
  kill(place: Place): Promise<void>;
  stop(): Promise<void>;
}

export async function openEtcdCluster(size: number): Promise<EtcdCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-etcd-'));
  const files = await writeCertificates(folder);
  const places: Place[] = [];
  for (let slot = 0; slot < size; slot++) {
    places.push({
      name: `director-${slot}`,
      clientUrl: `https://127.0.0.1:${await freePort()}`,
      peerUrl: `http://127.0.0.1:${await freePort()}`,
    });
  }
  const etcd = await obtain('etcd');
  const running = new Map<string, ChildProcess>();
  const kill = async ({ name }: Place) => {
    const child = running.get(name);
    running.delete(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    places,
    access: {
      endpoints: places.map(({ clientUrl }) => clientUrl),
      caFile: files.ca,
      certFile: files.clientCert,
      keyFile: files.clientKey,
    },
    start: async (place, beside = []) => {
      const options = {
        name: place.name,
        'data-dir': join(folder, place.name),
        'listen-client-urls': place.clientUrl,
        'advertise-client-urls': place.clientUrl,
        'listen-peer-urls': place.peerUrl,
        'initial-advertise-peer-urls': place.peerUrl,
        'initial-cluster': [...beside, place].map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(','),
        'initial-cluster-state': beside.length === 0 ? 'new' : 'existing',
        'cert-file': files.serverCert,
        'key-file': files.serverKey,
        'trusted-ca-file': files.ca,
        'client-cert-auth': 'true',
        'log-level': 'error',
        'heartbeat-interval': '50',
        'election-timeout': '500',
      };
      const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
      running.set(place.name, spawn(etcd, args, { stdio: 'ignore' }));
    },
    kill,
    stop: async () => {
      for (const place of places) await kill(place);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
