/** A real etcd of one member on loopback, with certificates on both sides. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Etcd3 } from 'etcd3';
import { connectEtcd, type EtcdAccess } from '../../activities/cloud/etcd.ts';
import type { ScratchSettings } from '../../activities/etcd/scratch.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { freePort, writeCertificates } from './control-plane.ts';

export interface TestEtcd {
  readonly access: EtcdAccess;
  readonly client: Etcd3;
  /** Folder that goes with it. */
  readonly folder: string;
  readonly scratch: ScratchSettings;
  stop(): Promise<void>;
}

export async function startEtcd(): Promise<TestEtcd> {
  const folder = mkdtempSync(join(tmpdir(), 'zw-etcd-'));
  const files = await writeCertificates(folder);
  const [url, peer] = [`https://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const child = spawn(
    await obtain('etcd'),
    [
      '--name=director-0',
      `--data-dir=${join(folder, 'data')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=director-0=${peer}`,
      `--cert-file=${files.serverCert}`,
      `--key-file=${files.serverKey}`,
      `--trusted-ca-file=${files.ca}`,
      '--client-cert-auth=true',
      '--unsafe-no-fsync=true',
      '--log-level=error',
    ],
    { stdio: 'ignore' },
  );
  const access = {
    endpoints: [url],
    caFile: files.ca,
    certFile: files.clientCert,
    keyFile: files.clientKey,
  };
  const client = await answering(access, child);
  return {
    access,
    client,
    folder,
    scratch: {
      folder: join(folder, 's'),
      etcd: await obtain('etcd'),
      etcdutl: await obtain('etcdutl'),
    },
    stop: async () => {
      client.close();
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answering(access: EtcdAccess, child: ChildProcess): Promise<Etcd3> {
  for (let tried = 1; ; tried++) {
    const client = connectEtcd(access, access.endpoints);
    try {
      await client.get('/').exec();
      return client;
    } catch (error) {
      client.close();
      if (tried === 100 || child.exitCode !== null) throw error;
      await sleep(100);
    }
  }
}
