import { resources, type Kind } from '../resources/index.ts';
import type { PlannedStep } from '../plan.ts';
import type { MachinePlan, ZoneGate, ZonePlan } from './plan.ts';

const GROUPS = {
  network: 'Network',
  access: 'Access',
  pki: 'Authorities',
  dns: 'Names',
  machines: 'Machines',
};

/** A plan as a person reads it before approving it: addresses, machines, and what is made, counted by group. */
export function printPlan(plan: ZonePlan): string {
  const { domain, region, accountId, imageId, addresses, machines, steps, gates, hash } = plan;
  const blocks = [
    [
      `Zone ${domain} in ${region}, account ${accountId}`,
      `  image     ${imageId}`,
      `  VPC       ${addresses.vpcCidr}`,
      `  pods      ${addresses.podCidr}, services ${addresses.serviceCidr}`,
    ],
    ['Subnets', ...columns(addresses.subnets.map((each) => [each.name, each.cidr, each.availabilityZone]))],
    ['Instances', ...columns(machines.map(machineColumns))],
    ...Object.entries(GROUPS).flatMap(([group, title]) => groupBlock(group, title, steps)),
    ['Waits for', ...gates.map((gate) => `  ${gateText(gate)}`)],
    [`${steps.length} steps, plan ${hash.slice(0, 12)}`],
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const machineColumns = ({ name, instanceType, availabilityZone, privateIp, podCidr }: MachinePlan) => [
  name,
  instanceType,
  availabilityZone,
  privateIp,
  ...(podCidr === undefined ? [] : [`pods ${podCidr}`]),
];

/** `Network: 31 to make`, and how many of each kind. */
function groupBlock(group: string, title: string, steps: readonly PlannedStep[]): string[][] {
  const own = steps.filter(({ step }) => step.startsWith(`${group}/`));
  if (own.length === 0) return [];
  const shared = own.filter((step) => step.shared);
  const counts = new Map<Kind, number>();
  for (const { kind } of own) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [
    [
      `${title}: ${own.length - shared.length} to make${shared.length > 0 ? `, ${shared.length} shared with other zones` : ''}`,
      ...[...counts].map(([kind, count]) => `  ${String(count).padStart(3)} × ${resources[kind].noun}`),
    ],
  ];
}

function gateText(gate: ZoneGate): string {
  if (gate.gate === 'health') {
    return `health: etcd, API server at ${gate.apiEndpoint}, ${gate.nodes.length} node(s), public names`;
  }
  const who = gate.byHand ? `to be added to the zone of ${gate.parent} by hand` : 'written by this plan';
  return `delegation of ${gate.domain}: NS records ${who}`;
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? cell.length)).join('  ')}`.trimEnd(),
  );
}
