import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { backupChecks } from '../../activities/checks/backup.ts';
import { uploadStream } from '../../activities/cloud/upload.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { startCloud, type Cloud } from '../../test/activities/emulator.ts';
import { startEtcd, type TestEtcd } from '../../test/activities/etcd-fixture.ts';
import { inActivity } from '../../test/activities/run-effect.ts';
import type { Bench } from '../benches.ts';
import { Measurements } from '../measurement.ts';

const BASELINE = 'etcdctl snapshot save, then the same upload';
const MEGABYTES = 400;

export const backup: Bench = {
  name: 'backup',
  what: `Backup of an etcd with ${MEGABYTES} MB of values to the sandbox's S3 server, beside etcdctl and an upload.`,
  async run({ repeat, say }) {
    const figures = new Measurements();
    const [cloud, etcd] = await Promise.all([startCloud(), startEtcd()]);
    try {
      const bucket = await cloud.bucket('backup-bench');
      for (let n = 0; n < MEGABYTES; n++) await etcd.client.put(`key-${n}`).value(randomBytes(1_000_000));
      for (let round = 1; round <= repeat; round++) {
        await ours(figures, cloud, etcd, bucket, round);
        await theirs(figures, cloud, etcd, bucket, round);
        say(`${round} of ${repeat}`);
      }
    } finally {
      await etcd.stop();
      await cloud.stop();
    }
    return figures.all();
  },
};

async function ours(figures: Measurements, cloud: Cloud, etcd: TestEtcd, bucket: string, round: number) {
  const checks = backupChecks(etcd.access, { s3: cloud.clients.s3, scratch: etcd.scratch });
  const name = `backup-${round}`;
  const input = { bucket, folder: `zones/zone03/backups/${name}/`, backup: name };
  const before = process.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
  const record = await figures.time('backup', () => inActivity(() => checks['etcd.snapshot'](input)), {
    baseline: BASELINE,
  });
  clearInterval(timer);
  figures.add('memory that the backup takes at most', (peak - before) / 2 ** 20, { unit: 'MiB' });
  figures.add('size', record.bytes / 2 ** 20, { unit: 'MiB' });
  const proof = await figures.time('proof', () =>
    inActivity(() => checks['etcd.prove']({ ...input, operation: name })),
  );
  if (proof.verdict !== 'proven') throw new Error(`Cannot measure: the backup is ${proof.verdict}`);
}

async function theirs(figures: Measurements, cloud: Cloud, etcd: TestEtcd, bucket: string, round: number) {
  const { caFile, certFile, keyFile, endpoints } = etcd.access;
  const file = join(etcd.folder, 'saved.db');
  const access = [
    `--cacert=${caFile}`,
    `--cert=${certFile}`,
    `--key=${keyFile}`,
    `--endpoints=${endpoints[0]}`,
  ];
  const etcdctl = await obtain('etcdctl');
  const { signal } = new AbortController();
  await figures.time(BASELINE, async () => {
    execFileSync(etcdctl, [...access, 'snapshot', 'save', file], { stdio: 'ignore' });
    const source = createReadStream(file, { highWaterMark: 2 ** 20 });
    await uploadStream(cloud.clients.s3, { bucket, key: `saved-${round}.db` }, source, { signal });
  });
  rmSync(file);
}
