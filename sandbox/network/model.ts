/**
 * What the sandbox's network is made of: plain data that the AWS front derives from its inventory after every
 * call that changes it. `Network.apply` makes the computer's namespaces, routes and nftables rules equal to it.
 */
export interface NetworkModel {
  readonly vpcs: readonly VpcModel[];
  readonly subnets: readonly SubnetModel[];
  readonly routeTables: readonly RouteTableModel[];
  readonly interfaces: readonly InterfaceModel[];
  readonly natGateways: readonly NatGatewayModel[];
  readonly securityGroups: readonly SecurityGroupModel[];
}

export interface VpcModel {
  readonly id: string;
  /** CIDR blocks of the VPC, e.g. `172.16.0.0/23`. */
  readonly cidrs: readonly string[];
  /** True while an internet gateway is attached. */
  readonly internetGateway: boolean;
}

export interface SubnetModel {
  readonly id: string;
  readonly vpcId: string;
  readonly cidr: string;
  /** The route table in force: the associated one, else the VPC's main table. */
  readonly routeTableId: string;
}

export interface RouteTableModel {
  readonly id: string;
  readonly vpcId: string;
  /** Without the implicit `local` route, which always holds and always wins inside the VPC. */
  readonly routes: readonly RouteModel[];
}

export interface RouteModel {
  readonly destination: string;
  readonly target:
    | { readonly kind: 'internet-gateway' }
    | { readonly kind: 'nat-gateway'; readonly id: string }
    | { readonly kind: 'interface'; readonly id: string }
    | { readonly kind: 'blackhole' };
}

/** An elastic network interface in use by an instance. */
export interface InterfaceModel {
  readonly id: string;
  readonly instanceId: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly privateIp: string;
  readonly macAddress: string;
  /** Elastic IP mapped 1:1, where there is one. */
  readonly publicIp?: string;
  readonly sourceDestCheck: boolean;
  readonly securityGroupIds: readonly string[];
  /** IP TTL of answers from 169.254.169.254 (HttpPutResponseHopLimit). */
  readonly metadataHopLimit: number;
}

export interface NatGatewayModel {
  readonly id: string;
  readonly subnetId: string;
  readonly privateIp: string;
  readonly publicIp: string;
  /** Only an available gateway carries traffic. */
  readonly available: boolean;
}

export interface SecurityGroupModel {
  readonly id: string;
  readonly vpcId: string;
  readonly ingress: readonly SecurityRuleModel[];
  readonly egress: readonly SecurityRuleModel[];
}

export interface SecurityRuleModel {
  /** `-1` means every protocol. */
  readonly protocol: 'tcp' | 'udp' | 'icmp' | '-1';
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly peer: { readonly cidr: string } | { readonly securityGroupId: string };
}

/**
 * Addresses of one sandbox. `index` (0–15) keeps sandboxes on one computer apart; all lie in 198.18.0.0/15,
 * which no network routes (RFC 2544). Inside the sandbox's internet the service addresses are always the same,
 * so that an image baked in one sandbox runs in another.
 */
export interface SandboxAddresses {
  readonly index: number;
  /** The computer's end of its link to the sandbox's internet; sandbox services listen here. */
  readonly computer: string;
  /** The other end, in the namespace of the sandbox's internet. */
  readonly internet: string;
  /** Elastic IPs are handed out from here; the computer has a route to it. A /24. */
  readonly elasticCidr: string;
  /** Name servers' addresses lie here, in the internet namespace; the computer has a route to it. A /24. */
  readonly nameServerCidr: string;
  /** Where the computer asks the resolver that machines ask; lies in `nameServerCidr`. */
  readonly resolver: string;
}

/** Where machines find the AWS endpoint, on port 80; translated to the front's listener on the computer. */
export const AWS_SERVICE_ADDRESS = '198.18.255.1';
/** Where machines find Temporal's frontend, on port 7233. */
export const TEMPORAL_SERVICE_ADDRESS = '198.18.255.2';
/** The root name server of the sandbox's internet. */
export const ROOT_NAME_SERVER_ADDRESS = '198.18.255.53';
/** The recursive resolver behind every VPC's 169.254.169.253 and base + 2, on port 53, in the internet's namespace. */
export const RESOLVER_SERVICE_ADDRESS = '198.18.255.54';
/** All of the above; any address of it can be bound in the internet's namespace, and the computer has no route to it. */
export const SERVICE_CIDR = '198.18.255.0/24';

export interface Network {
  /** Makes the computer equal to the model; returns when packets flow as it says. Idempotent, serialised by the caller. */
  apply(model: NetworkModel): Promise<void>;
  /** Removes every namespace, link, route and rule of this sandbox, also those of a run that was killed. */
  destroy(): Promise<void>;
  /** Path of the namespace that a machine's processes live in, made by `apply` before its boot. */
  machineNamespace(interfaceId: string): string;
  /** Path of the namespace of the sandbox's internet. */
  internetNamespace(): string;
  /** Takes the interface's link down (packets vanish, no FIN is seen) or up again. */
  setLink(interfaceId: string, up: boolean): Promise<void>;
  /** Gives the interface a fresh namespace: links, addresses and rules that a machine made in it do not outlive its boot. */
  renewMachine?(interfaceId: string): Promise<void>;
}

/** What `openNetwork` returns: a network that also tells those who serve inside it. */
export interface ObservableNetwork extends Network {
  /** Path of the namespace of a VPC's router. */
  routerNamespace(vpcId: string): string;
  /**
   * Calls the listener with the current model, and with each one applied from now on; `apply` returns after it did.
   * Resolves to a function that ends this.
   */
  onApplied(listener: (model: NetworkModel) => Promise<void>): Promise<() => void>;
}
