/** The program `zone-worker` of borders. */
import { runZoneWorker } from './zone.ts';

await runZoneWorker();
