/**
 * Runs as `zonewright-border-agent.service` on a border: the projector, which turns what nodes announce into what
 * routers read, and the router's own agent. One process, since each would take as much memory by itself; two users of
 * the discovery etcd.
 */
import { PROBLEMS_KEY, routerKey } from '../domain/discovery/keys.ts';
import { openDiscovery } from './discovery/client.ts';
import { runProjector } from './discovery/projector.ts';
import { discoveryAccess, readMachineConfig, untilStopped, variable } from './host/settings.ts';
import { HaproxyProcess } from './router/haproxy-process.ts';
import { runRouter } from './router/router.ts';

const config = readMachineConfig();
const instanceId = variable('ZW_INSTANCE_ID');
const sockets = '/run/zonewright-haproxy';

await untilStopped((signal) =>
  Promise.all([
    runProjector({
      signal,
      open: () => openDiscovery(discoveryAccess(config, 'discovery-projector'), PROBLEMS_KEY),
    }),
    runRouter({
      signal,
      instanceId,
      open: () => openDiscovery(discoveryAccess(config, 'discovery-router'), routerKey(instanceId)),
      file: '/var/lib/zonewright-router/haproxy.cfg',
      haproxy: new HaproxyProcess('/usr/sbin/haproxy', `${sockets}/master.sock`),
      settings: { statsSocket: `${sockets}/stats.sock` },
    }),
  ]),
);
