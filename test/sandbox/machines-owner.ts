/** Owns a machine until it is killed: `node machines-owner.ts HOME LAYER`; prints a line once the machine runs. */
import { openMachines } from '../../sandbox/machines/machines.ts';
import { openNetwork } from '../../sandbox/network/network.ts';
import { OWNER_TEST_ADDRESSES, model, settings } from './network-fixture.ts';

const [, , home = '', layer = ''] = process.argv;
const network = await openNetwork(settings(OWNER_TEST_ADDRESSES));
await network.apply(model());
const machines = await openMachines({ home, network });
await machines.boot({ instanceId: 'i-owned', layers: [layer], hostname: 'owned', interfaceId: 'eni-a' });
console.log('running');
setInterval(() => undefined, 1000);
