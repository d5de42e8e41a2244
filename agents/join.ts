/** Runs as `zonewright-join.service` at every boot of a machine of a zone; the unit starts it again when it fails. */
import { readFileSync } from 'node:fs';
import { joinZone } from './join/join.ts';
import { JoinReport } from './join/report.ts';
import { MachineFiles } from './host/files.ts';
import { readNodeFacts } from './host/metadata.ts';
import { openMachineStore } from './host/store.ts';
import { systemd } from './host/systemd.ts';

const report = new JoinReport(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
try {
  await joinZone({
    files: new MachineFiles('/'),
    systemd,
    report,
    readFacts: readNodeFacts,
    openStore: openMachineStore,
    pollMs: 1000,
    healthMs: 300_000,
  });
} catch (error) {
  await report.detail(`failed: ${(error as Error).message}`);
  console.error(error);
  process.exitCode = 1;
}
