/** From the model to the whole plan: pure, so that the same model always gives the same text. */
import { renderInternet } from './internet.ts';
import type { NetworkSettings } from './internet.ts';
import { renderMachine } from './machine-namespace.ts';
import type { InterfaceModel, NetworkModel, VpcModel } from './model.ts';
import * as names from './names.ts';
import type { LinkPlan, NetworkPlan } from './plan.ts';
import { natGatewaysInForce } from './route-tables.ts';
import { renderRouter } from './router.ts';

/** Everything a sandbox's network must hold. `cut` names the interfaces whose link is down. */
export function renderNetwork(
  model: NetworkModel,
  settings: NetworkSettings,
  cut: ReadonlySet<string>,
): NetworkPlan {
  const { index } = settings.addresses;
  const vpcs = new Set(model.vpcs.map((vpc) => vpc.id));
  const subnets = new Map(model.subnets.map((subnet) => [subnet.id, subnet]));
  // An interface whose subnet or VPC is gone has no place to be; AWS does not let that happen.
  const interfaces = model.interfaces.filter((card) => vpcs.has(card.vpcId) && subnets.has(card.subnetId));
  const placed = { ...model, interfaces };
  return {
    namespaces: [
      renderInternet(placed, settings),
      ...model.vpcs.map((vpc) => renderRouter(placed, vpc, index, cut)),
      ...interfaces.flatMap((card) => {
        const subnet = subnets.get(card.subnetId);
        return subnet === undefined ? [] : [renderMachine(card, subnet, index)];
      }),
    ],
    links: [
      computerPair(index),
      ...model.vpcs.flatMap((vpc) => [
        internetPair(index, names.routerLink(vpc.id), names.INTERNET_LINK, vpc),
        ...natGatewaysInForce(placed, vpc).map(({ id }) =>
          internetPair(index, names.natLink(id), names.natLink(id), vpc),
        ),
      ]),
      ...interfaces.map((card) => machinePair(index, card)),
    ],
  };
}

function computerPair(index: number): LinkPlan {
  return {
    ends: [
      { namespace: undefined, name: names.computerLink(index) },
      { namespace: names.internetName(index), name: names.COMPUTER_LINK },
    ],
  };
}

function internetPair(index: number, name: string, peer: string, vpc: VpcModel): LinkPlan {
  return {
    ends: [
      { namespace: names.internetName(index), name },
      { namespace: names.routerName(index, vpc.id), name: peer },
    ],
  };
}

function machinePair(index: number, card: InterfaceModel): LinkPlan {
  return {
    ends: [
      { namespace: names.routerName(index, card.vpcId), name: names.interfaceLink(card.id) },
      { namespace: names.machineName(index, card.id), name: names.MACHINE_LINK, macAddress: card.macAddress },
    ],
  };
}
