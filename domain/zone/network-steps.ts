import { output, type PlannedStep } from '../plan.ts';
import { LETTERS } from './addresses.ts';
import { machinesOf, type ZoneLayout } from './layout.ts';

type Letter = (typeof LETTERS)[number];

const VPC = 'network/vpc';
const GATEWAY = 'network/internet-gateway';
export const PUBLIC_ROUTE = 'network/route-public-internet';
export const privateRoute = (letter: string): string => `network/route-private-${letter}-internet`;
export const subnetStep = (name: string): string => `network/subnet-${name}`;
export const borderAddress = (slot: number): string => `network/elastic-ip-border-${slot}`;

/** Route tables of the VPC: one for the public subnets, one for each private one. */
export const ROUTE_TABLES = ['public', ...LETTERS.map((letter) => `private-${letter}`)];
export const routeTableStep = (table: string): string => `network/route-table-${table}`;

/** VPC, gateways, subnets, addresses, route tables and the routes out. */
export const networkSteps = (layout: ZoneLayout): PlannedStep[] => [
  {
    step: VPC,
    kind: 'vpc',
    name: layout.domain,
    summary: `creating VPC ${layout.addresses.vpcCidr}`,
    plan: { cidr: layout.addresses.vpcCidr },
  },
  {
    step: GATEWAY,
    kind: 'internet-gateway',
    name: layout.domain,
    summary: 'creating the internet gateway',
    plan: { vpcId: output(VPC) },
  },
  ...layout.addresses.subnets.map(({ name, cidr, availabilityZone }): PlannedStep => ({
    step: subnetStep(name),
    kind: 'subnet',
    name: `${layout.domain}-${name}`,
    summary: `creating subnet ${name} ${cidr} in ${availabilityZone}`,
    plan: { vpcId: output(VPC), cidr, availabilityZone },
  })),
  ...borderAddressSteps(layout),
  ...natSteps(layout),
  ...routeTableSteps(layout),
];

const borderAddressSteps = (layout: ZoneLayout): PlannedStep[] =>
  machinesOf(layout, 'border').map(({ name, slot }) => ({
    step: borderAddress(slot),
    kind: 'elastic-ip',
    name: `${layout.domain}-${name}`,
    role: 'border',
    summary: `allocating the Elastic IP of ${name}`,
    plan: {},
  }));

/** Letters of the availability zones with a NAT gateway. */
const natLetters = ({ spec }: ZoneLayout): readonly Letter[] =>
  spec.network.nat === 'single' ? ['a'] : LETTERS;

const natSteps = (layout: ZoneLayout): PlannedStep[] =>
  natLetters(layout).flatMap((letter): PlannedStep[] => [
    {
      step: `network/elastic-ip-nat-${letter}`,
      kind: 'elastic-ip',
      name: `${layout.domain}-nat-${letter}`,
      summary: `allocating the Elastic IP of NAT gateway ${letter}`,
      plan: {},
    },
    {
      step: `network/nat-gateway-${letter}`,
      kind: 'nat-gateway',
      name: `${layout.domain}-nat-${letter}`,
      summary: `creating NAT gateway ${letter}`,
      plan: {
        subnetId: output(subnetStep(`public-${letter}`)),
        allocationId: output(`network/elastic-ip-nat-${letter}`),
      },
      // EC2 lets a NAT gateway fail whose VPC has no internet gateway yet.
      after: [GATEWAY],
    },
  ]);

function routeTableSteps(layout: ZoneLayout): PlannedStep[] {
  const table = (name: string, subnets: readonly string[]): PlannedStep => ({
    step: routeTableStep(name),
    kind: 'route-table',
    name: `${layout.domain}-${name}`,
    summary: `creating route table ${name}`,
    plan: { vpcId: output(VPC), subnetIds: subnets.map((subnet) => output(subnetStep(subnet))) },
  });
  const nats = natLetters(layout);
  return [
    table(
      'public',
      LETTERS.map((letter) => `public-${letter}`),
    ),
    ...LETTERS.map((letter) => table(`private-${letter}`, [`private-${letter}`])),
    {
      step: PUBLIC_ROUTE,
      kind: 'route',
      name: `${layout.domain}-public`,
      summary: 'routing the public subnets to the internet gateway',
      plan: {
        routeTableId: output(routeTableStep('public')),
        destination: '0.0.0.0/0',
        target: { internetGatewayId: output(GATEWAY) },
      },
    },
    ...LETTERS.map((letter): PlannedStep => {
      const nat = nats.includes(letter) ? letter : 'a';
      return {
        step: privateRoute(letter),
        kind: 'route',
        name: `${layout.domain}-private-${letter}`,
        summary: `routing subnet private-${letter} to NAT gateway ${nat}`,
        plan: {
          routeTableId: output(routeTableStep(`private-${letter}`)),
          destination: '0.0.0.0/0',
          target: { natGatewayId: output(`network/nat-gateway-${nat}`) },
        },
      };
    }),
  ];
}
