import type { Clients } from '../cloud/clients.ts';
import type { Effects } from '../effect.ts';
import { accountChecks } from './account.ts';
import { backupsChecks } from './backups.ts';
import { bakeChecks } from './bake.ts';
import { dnsChecks } from './dns.ts';
import { imageChecks } from './images.ts';
import { instanceChecks } from './instances.ts';
import type { CheckSettings } from './settings.ts';
import { manifestChecks } from './manifests.ts';
import { servicesRecordChecks } from './services-record.ts';
import { storeChecks } from './store.ts';
import { sweepChecks } from './sweep.ts';

/** Activities that look, wait or keep records, and make nothing that would have to be undone. */
export const createChecks = (clients: Clients, effects: Partial<Effects>, settings: CheckSettings) => ({
  ...accountChecks(clients),
  ...backupsChecks(clients),
  ...bakeChecks(clients),
  ...dnsChecks(settings),
  ...imageChecks(clients),
  ...instanceChecks(clients, settings),
  ...manifestChecks(clients),
  ...servicesRecordChecks(clients),
  ...storeChecks(clients, settings),
  ...sweepChecks(effects, settings),
});
