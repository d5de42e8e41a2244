import { parseArgs } from 'node:util';
import { loadContext } from '../clients/contexts.ts';
import { HOSTS, runWorkers, type Host } from './host.ts';

/** `node workers/main.ts [--host workflows,aws,pki]`; its connections are in the context (`ZONEWRIGHT_CONTEXT`). */
const { values } = parseArgs({ options: { host: { type: 'string', default: HOSTS.join(',') } } });
const isHost = (name: string): name is Host => (HOSTS as readonly string[]).includes(name);
const names = values.host.split(',');
const hosts = names.filter(isHost);
if (hosts.length !== names.length) {
  process.stderr.write(`error: cannot host "${values.host}": expected some of ${HOSTS.join(', ')}\n`);
  process.exit(2);
}
await runWorkers({ context: loadContext(), hosts });
