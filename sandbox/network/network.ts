/** The network of a sandbox: opens it, keeps it equal to the model, takes it away. */
import { isIPv4 } from 'node:net';
import { NOTHING, applyDifference } from './apply.ts';
import { CommandError, run, runInside } from './commands.ts';
import { destroyNetwork } from './destroy.ts';
import type { NetworkSettings } from './internet.ts';
import type { NetworkModel, ObservableNetwork } from './model.ts';
import {
  computerLink,
  interfaceLink,
  internetName,
  machineName,
  namespacePath,
  routerName,
} from './names.ts';
import { TABLE, declareChain } from './plan.ts';
import type { NetworkPlan } from './plan.ts';
import { renderNetwork } from './render.ts';
import { CUT_SET } from './router-rules.ts';

const EMPTY: NetworkModel = {
  vpcs: [],
  subnets: [],
  routeTables: [],
  interfaces: [],
  natGateways: [],
  securityGroups: [],
};

/**
 * Makes the sandbox's internet and joins the computer to it, after removing what an earlier run left under the same
 * index. The AWS front and Temporal need not listen yet, but their addresses must be the computer's own.
 *
 * @throws {TypeError} when a service is given at a loopback address, which no namespace can reach
 */
export async function openNetwork(settings: NetworkSettings): Promise<ObservableNetwork> {
  checkEndpoints(settings);
  const { index } = settings.addresses;
  await destroyNetwork(index);
  const state = new NetworkState(settings);
  await state.apply(EMPTY);
  await joinComputer(settings);
  return {
    apply: (model) => state.apply(model),
    destroy: () => destroyNetwork(index),
    machineNamespace: (interfaceId) => namespacePath(machineName(index, interfaceId)),
    internetNamespace: () => namespacePath(internetName(index)),
    routerNamespace: (vpcId) => namespacePath(routerName(index, vpcId)),
    setLink: (interfaceId, up) => state.setLink(interfaceId, up),
    renewMachine: (interfaceId) => state.renewMachine(interfaceId),
    onApplied: (listener) => state.onApplied(listener),
  };
}

function checkEndpoints({ addresses, awsEndpoint, temporal }: NetworkSettings): void {
  for (const { host } of [awsEndpoint, temporal]) {
    if (isIPv4(host) && !host.startsWith('127.')) continue;
    throw new TypeError(
      `Cannot translate to service address "${host}": expected an IPv4 address that machines can reach, like ${addresses.computer}`,
    );
  }
}

/** The computer's end: routes to Elastic IPs and name servers, and no forwarding between the sandbox and anything else. */
async function joinComputer({ addresses }: NetworkSettings): Promise<void> {
  const link = computerLink(addresses.index);
  const commands = [
    `addr replace ${addresses.computer} peer ${addresses.internet} dev ${link}`,
    `link set ${link} addrgenmode none`,
    `link set ${link} up`,
    ...[addresses.elasticCidr, addresses.nameServerCidr].map(
      (cidr) => `route replace ${cidr} via ${addresses.internet} dev ${link} src ${addresses.computer}`,
    ),
  ];
  await run('ip', ['-batch', '-'], { input: commands.join('\n') });
  const chain = declareChain('forward', 'filter hook forward priority filter', [
    `iifname "${link}" drop`,
    `oifname "${link}" drop`,
  ]);
  await run('nft', ['-f', '-'], { input: `table ip ${TABLE}-${addresses.index} {\n${chain}}\n` });
}

/** What was applied last, and which interfaces are cut off. Calls are carried out one after another. */
class NetworkState {
  readonly #settings: NetworkSettings;
  readonly #cut = new Set<string>();
  #plan: NetworkPlan = NOTHING;
  #model: NetworkModel = EMPTY;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #listeners = new Set<(model: NetworkModel) => Promise<void>>();

  constructor(settings: NetworkSettings) {
    this.#settings = settings;
  }

  apply(model: NetworkModel): Promise<void> {
    return this.#enqueue(async () => {
      const plan = renderNetwork(model, this.#settings, this.#cut);
      await applyDifference(this.#plan, plan);
      this.#plan = plan;
      this.#model = model;
      await Promise.all([...this.#listeners].map((listener) => listener(model)));
    });
  }

  async onApplied(listener: (model: NetworkModel) => Promise<void>): Promise<() => void> {
    await this.#enqueue(async () => {
      await listener(this.#model);
      this.#listeners.add(listener);
    });
    return () => this.#listeners.delete(listener);
  }

  /** One element of a set: quicker than a new ruleset, which matters for a power cut. */
  setLink(interfaceId: string, up: boolean): Promise<void> {
    return this.#enqueue(async () => {
      const card = this.#model.interfaces.find((each) => each.id === interfaceId);
      if (card === undefined)
        throw new CommandError(`Cannot set link of "${interfaceId}": expected an interface of the model`);
      if (this.#cut.has(interfaceId) !== up) return;
      const router = routerName(this.#settings.addresses.index, card.vpcId);
      const verb = up ? 'delete' : 'add';
      await runInside(router, 'nft', [
        `${verb} element ip ${TABLE} ${CUT_SET} { "${interfaceLink(interfaceId)}" }`,
      ]);
      if (up) this.#cut.delete(interfaceId);
      else this.#cut.add(interfaceId);
      this.#plan = renderNetwork(this.#model, this.#settings, this.#cut);
    });
  }

  /** Takes the interface's namespace and link out of the plan and puts them back. */
  renewMachine(interfaceId: string): Promise<void> {
    return this.#enqueue(async () => {
      const bare = withoutMachine(
        this.#plan,
        machineName(this.#settings.addresses.index, interfaceId),
        interfaceId,
      );
      await applyDifference(this.#plan, bare);
      await applyDifference(bare, this.#plan);
    });
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

function withoutMachine(plan: NetworkPlan, namespace: string, interfaceId: string): NetworkPlan {
  const link = interfaceLink(interfaceId);
  const others = plan.namespaces.filter((each) => each.name !== namespace);
  return {
    // What the router holds for the link goes with it and has to be made again.
    namespaces: others.map((each) => ({
      ...each,
      steps: each.steps.filter((step) => !step.add.split(' ').includes(link)),
    })),
    links: plan.links.filter(({ ends }) => ends.every((end) => end.namespace !== namespace)),
  };
}
