/** The namespace a machine lives in: its one link, addressed before boot, so that nothing inside has to configure the network. */
import { prefixLength, subnetAddress } from './addresses.ts';
import type { InterfaceModel, SubnetModel } from './model.ts';
import { MACHINE_LINK, machineName } from './names.ts';
import type { NamespacePlan } from './plan.ts';

/** Pure: what the namespace of an interface must hold. Rules for it are its router's business. */
export function renderMachine(card: InterfaceModel, subnet: SubnetModel, index: number): NamespacePlan {
  return {
    name: machineName(index, card.id),
    settings: {
      'ipv4/conf/all/rp_filter': '0',
      'ipv4/conf/default/rp_filter': '0',
      // The loopback keeps ::1; the link speaks IPv4 only, as its subnet does.
      'ipv6/conf/default/disable_ipv6': '1',
    },
    ruleset: '',
    steps: [
      { add: 'link set lo up' },
      { add: `addr replace ${card.privateIp}/${prefixLength(subnet.cidr)} dev ${MACHINE_LINK}` },
      { add: `link set ${MACHINE_LINK} up` },
      { add: `route replace default via ${subnetAddress(subnet.cidr, 1)} dev ${MACHINE_LINK}` },
    ],
  };
}
