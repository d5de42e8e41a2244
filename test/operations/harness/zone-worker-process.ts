/** Bundled for borders: the zone's worker as tests run it. `<program> <variant>` */
import { runZoneWorker } from '../../../workers/zone.ts';
import { twice } from './twice.ts';
import { zoneIdentity } from './zone-identity.ts';

const variant = process.argv[2] ?? '';
await runZoneWorker({
  ...(variant.endsWith('twice') ? { wrap: twice } : {}),
  options: {
    identity: zoneIdentity(variant),
    // Each beat is sent, so that one missed is noticed.
    maxHeartbeatThrottleInterval: '1 second',
  },
});
