import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalJson, sha256Hex } from '../../domain/hash.ts';
import { parse } from '../../domain/parse.ts';
import { overlaps, parseCidr } from '../../domain/network/cidr.ts';
import { machineFactsSchema } from '../../domain/pki/facts.ts';
import { dependenciesOf, layersOf, resolveOutputs, type PlannedStep } from '../../domain/plan.ts';
import { resources, type Kind } from '../../domain/resources/index.ts';
import { planText, planZone, type ZonePlan } from '../../domain/zone/plan.ts';
import { printPlan } from '../../domain/zone/print-plan.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';
import { readZoneSpec } from '../../clients/zones/read-spec.ts';
import { planOf, someSpec, zoneFacts, zoneSpec } from './zone-fixtures.ts';

type StepOf<K extends Kind> = Extract<PlannedStep, { kind: K }>;
const stepsOf = <K extends Kind>(plan: ZonePlan, kind: K): StepOf<K>[] =>
  plan.steps.filter((step): step is StepOf<K> => step.kind === kind);
const stepOf = (plan: ZonePlan, name: string): PlannedStep => {
  const step = plan.steps.find((each) => each.step === name);
  assert.ok(step, `step "${name}"`);
  return step;
};

/** What a step would return, as far as later steps use it. */
const refOf = (step: PlannedStep, at: number) => ({
  id: step.kind === 'instance' ? `i-${at.toString(16).padStart(17, '0')}` : `${step.kind}-${at}`,
  arn: `arn:aws:iam::123456789012:role/${at}`,
  roleName: step.name,
  profileName: step.name,
  publicIp: `203.0.113.${(at % 250) + 1}`,
  networkInterfaceId: `eni-${at}`,
  nameServers: ['ns-1.example.net', 'ns-2.example.net'],
});

function checkPlan(plan: ZonePlan): void {
  const layers = layersOf(plan.steps);
  assert.equal(layers.flat().length, plan.steps.length);
  const refs = new Map<string, Readonly<Record<string, unknown>>>();
  for (const [at, step] of layers.flat().entries()) {
    for (const needed of dependenciesOf(step)) assert.ok(refs.has(needed), `${step.step} before ${needed}`);
    const resolved = resolveOutputs(step.plan, refs);
    parse(resources[step.kind].plan, resolved, `step "${step.step}"`);
    refs.set(step.step, refOf(step, at));
  }
  const ranges = [...plan.addresses.subnets.map(({ cidr }) => cidr), plan.addresses.serviceCidr];
  const pods = plan.machines.flatMap(({ podCidr }) => podCidr ?? []);
  checkApart([...ranges, ...pods]);
  assert.equal(new Set(plan.machines.map(({ privateIp }) => privateIp)).size, plan.machines.length);
  for (const { plan: instance } of stepsOf(plan, 'instance')) {
    assert.ok(Buffer.byteLength(String(instance.userData)) < 16_384);
  }
}

function checkApart(cidrs: readonly string[]): void {
  const ranges = cidrs.map(parseCidr);
  for (const [at, range] of ranges.entries()) {
    for (const other of ranges.slice(at + 1)) assert.ok(!overlaps(range, other), cidrs.join(' '));
  }
}

for (let seed = 1; seed <= 40; seed++) {
  test(`plan of specification ${seed}: ordered, resolvable, apart, and the same twice`, () => {
    const plan = planOf(someSpec(seed));
    checkPlan(plan);
    assert.equal(JSON.stringify(planOf(someSpec(seed))), JSON.stringify(plan));
  });
}

test('the largest zone can be planned', () => {
  const plan = planOf({ workers: [{ instanceType: 'm6i.large', count: 129 }] });
  checkPlan(plan);
  assert.equal(stepsOf(plan, 'instance').length, 131);
});

test('the plan of the example has a border, a director and two workers', async () => {
  const { spec } = await readZoneSpec(join(import.meta.dirname, '../../examples/zone.yaml'));
  const plan = planZone(spec, zoneFacts(), nodeUserData);
  checkPlan(plan);
  assert.deepEqual(
    plan.machines.map(({ name, privateIp, podCidr }) => [name, privateIp, podCidr]),
    [
      ['border-0', '172.16.6.10', undefined],
      ['director-0', '172.16.6.202', undefined],
      ['worker-0', '172.16.6.212', '10.64.0.0/24'],
      ['worker-1', '172.16.7.20', '10.64.1.0/24'],
    ],
  );
});

test('the hash is of the whole plan and of nothing else', () => {
  const plan = planOf();
  assert.equal(plan.hash, sha256Hex(planText(plan)));
  assert.equal(planText(plan), canonicalJson(JSON.parse(planText(plan))));
  const hashes = [
    planOf({ zone: 4 }),
    planOf({ border: { instanceType: 't3.large' } }),
    planOf({ labels: { team: 'a' } }),
    planOf({}, { imageId: 'ami-0fedcba9876543210' }),
    planOf({}, { temporal: { address: 'other.example.com:7233', namespace: 'zonewright' } }),
  ].map(({ hash }) => hash);
  assert.equal(new Set([plan.hash, ...hashes]).size, hashes.length + 1);
});

test('every machine waits for its rules, its profile and its way out', () => {
  const plan = planOf({ workers: [{ instanceType: 'm6i.large', count: 3 }] });
  for (const { name, role, subnet } of plan.machines) {
    const needs = dependenciesOf(stepOf(plan, `machines/${name}/instance`));
    const ways =
      role === 'border'
        ? ['network/route-public-internet']
        : ['network/route-public-internet', `network/route-${subnet}-internet`];
    for (const needed of [
      ...ways,
      `network/security-group-rules-${role}`,
      `access/instance-profile-${role}`,
    ]) {
      assert.ok(needs.includes(needed), `${name} needs ${needed}`);
    }
  }
});

test('public names are written, and delegated, before the border boots', () => {
  const needs = dependenciesOf(stepOf(planOf(), 'machines/border-0/instance'));
  assert.ok(needs.includes('dns/public-names') && needs.includes('dns/delegation'));
});

test('a border asks for certificates only once it can reach the store', () => {
  const needs = dependenciesOf(stepOf(planOf(), 'machines/border-0/certificates'));
  assert.ok(needs.includes('machines/border-0/elastic-ip'));
});

test('pods of every worker are routed in every route table, before the node is admitted', () => {
  const plan = planOf({ workers: [{ instanceType: 'm6i.large', count: 2 }] });
  const tables = stepsOf(plan, 'route-table').map(({ step }) => step);
  assert.equal(tables.length, 4);
  for (const worker of ['worker-0', 'worker-1']) {
    const routes = stepsOf(plan, 'route').filter(({ step }) => step.startsWith(`machines/${worker}/`));
    assert.deepEqual(
      routes.map(({ plan: route }) => (route.routeTableId as { $from: string }).$from),
      tables,
    );
    const needs = dependenciesOf(stepOf(plan, `machines/${worker}/admission`));
    for (const { step } of routes) assert.ok(needs.includes(step));
  }
});

test('only workers forward packets of others', () => {
  const checks = stepsOf(planOf(), 'instance').map(({ role, plan: { sourceDestCheck } }) => [
    role,
    sourceDestCheck,
  ]);
  assert.deepEqual(checks, [
    ['border', true],
    ['director', true],
    ['worker', false],
  ]);
});

test('NAT gateways: one for all, or one in each availability zone', () => {
  const natOf = (nat: string) => {
    const plan = planOf({ network: { nat } });
    return ['a', 'b', 'c'].map((letter) => {
      const { plan: route } = stepOf(plan, `network/route-private-${letter}-internet`) as StepOf<'route'>;
      return (route.target as { natGatewayId: { $from: string } }).natGatewayId.$from.at(-1);
    });
  };
  assert.deepEqual(natOf('single'), ['a', 'a', 'a']);
  assert.deepEqual(natOf('per-availability-zone'), ['a', 'b', 'c']);
});

test('a NAT gateway waits for the internet gateway', () => {
  assert.ok(dependenciesOf(stepOf(planOf(), 'network/nat-gateway-a')).includes('network/internet-gateway'));
});

test('a role opens the prefix of its own machine, that of a border fence and backups too, and nothing else', () => {
  for (const { plan, role } of stepsOf(planOf({}, { storePrefix: 'a/' }), 'role')) {
    const [own, ...others] = plan.statements;
    const fence = {
      Effect: 'Allow',
      Action: ['s3:GetObject'],
      Resource: ['arn:aws:s3:::prod-example-com-store/zones/zone03/fence.json'],
    };
    const backups = {
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject', 's3:AbortMultipartUpload'],
      Resource: ['arn:aws:s3:::prod-example-com-store/a/zones/zone03/backups/*'],
    };
    assert.deepEqual(others, role === 'border' ? [fence, backups] : []);
    assert.deepEqual(
      [own],
      [
        {
          Effect: 'Allow',
          Action: ['s3:GetObject', 's3:PutObject'],
          Resource: ['arn:aws:s3:::prod-example-com-store/a/machines/${aws:userid}/*'],
        },
      ],
    );
  }
  const [china] = stepsOf(
    planOf({ region: 'cn-north-1', availabilityZones: ['a', 'b', 'c'].map((l) => `cn-north-1${l}`) }),
    'role',
  );
  assert.match(JSON.stringify(china?.plan), /arn:aws-cn:s3/);
});

const rulesOf = (plan: ZonePlan, role: string) =>
  (stepOf(plan, `network/security-group-rules-${role}`) as StepOf<'security-group-rules'>).plan;

test('nothing but the public ports of borders is open to the world', () => {
  const plan = planOf({
    border: { instanceType: 't3.small', publicPorts: [443], sshFrom: ['192.0.2.0/24'] },
  });
  for (const role of ['border', 'director', 'worker']) {
    const open = rulesOf(plan, role).ingress.filter(
      ({ peer }) => 'cidr' in peer && peer.cidr === '0.0.0.0/0',
    );
    assert.deepEqual(
      open.map(({ fromPort }) => fromPort),
      role === 'border' ? [443] : [],
    );
  }
  const ssh = rulesOf(plan, 'border').ingress.filter(({ fromPort }) => fromPort === 22);
  assert.deepEqual(
    ssh.map(({ peer }) => peer),
    [{ cidr: '192.0.2.0/24' }],
  );
});

test('ssh goes through a border that takes it, and nowhere otherwise', () => {
  const ports = (sshFrom: string[]) =>
    rulesOf(planOf({ border: { instanceType: 't3.small', sshFrom } }), 'director').ingress.map(
      ({ fromPort }) => fromPort,
    );
  assert.ok(!ports([]).includes(22));
  assert.ok(ports(['192.0.2.0/24']).includes(22));
});

test('what one group may say, another may hear', () => {
  const plan = planOf({ border: { instanceType: 't3.small', sshFrom: ['192.0.2.0/24'] } });
  const roleOf = (peer: unknown) =>
    /security-group-(\w+)$/.exec(
      (peer as { securityGroupId?: { $from: string } }).securityGroupId?.$from ?? '',
    )?.[1];
  let checked = 0;
  for (const from of ['border', 'director', 'worker']) {
    for (const rule of rulesOf(plan, from).egress) {
      const to = roleOf(rule.peer);
      if (to === undefined) continue;
      const heard = rulesOf(plan, to).ingress.some(
        ({ peer, protocol, fromPort }) =>
          roleOf(peer) === from &&
          (protocol === '-1' || (protocol === rule.protocol && fromPort === rule.fromPort)),
      );
      assert.ok(heard, `${from} → ${to} ${String(rule.protocol)} ${String(rule.fromPort)}`);
      checked++;
    }
  }
  assert.ok(checked >= 12, `${checked} rules`);
});

test('no rule is there twice: EC2 refuses duplicates', () => {
  for (let seed = 1; seed <= 20; seed++) {
    for (const role of ['border', 'director', 'worker']) {
      const { ingress, egress } = rulesOf(planOf(someSpec(seed)), role);
      for (const rules of [ingress, egress]) {
        const keys = rules.map((rule) => canonicalJson({ ...rule, description: undefined }));
        assert.equal(new Set(keys).size, keys.length, `${role} of ${seed}`);
      }
    }
  }
});

test('the border may reach Temporal at its own port', () => {
  const egress = (address: string) =>
    rulesOf(planOf({}, { temporal: { address, namespace: 'zonewright' } }), 'border').egress;
  assert.ok(egress('t.example.com:17233').some(({ fromPort }) => fromPort === 17_233));
  assert.equal(egress('t.example.com:443').filter(({ fromPort }) => fromPort === 443).length, 1);
});

test('without a parent of ours, or by hand, somebody else writes the NS records', () => {
  const facts = zoneFacts();
  delete (facts as { environmentHostedZoneId?: string }).environmentHostedZoneId;
  for (const plan of [planZone(zoneSpec(), facts, nodeUserData), planOf({ dns: { delegation: 'manual' } })]) {
    assert.ok(!plan.steps.some(({ step }) => step === 'dns/delegation'));
    const gate = plan.gates.find((each) => each.gate === 'delegation');
    assert.ok(gate?.gate === 'delegation' && gate.byHand);
  }
});

test('the delegation set is one for the account and outlives the zone', () => {
  const [one, other] = [planOf(), planOf({ zone: 9 })].map((plan) => stepOf(plan, 'dns/delegation-set'));
  assert.deepEqual(one?.plan, other?.plan);
  assert.equal(one?.shared, true);
  assert.deepEqual(
    planOf()
      .steps.filter((step) => step.shared)
      .map(({ step }) => step),
    ['dns/delegation-set'],
  );
});

test('certificates are signed for what the plan says of the machine', () => {
  for (const step of stepsOf(planOf(), 'machine-certificates')) {
    const facts = resolveOutputs(
      step.plan.facts,
      new Map([[step.step.replace('certificates', 'instance'), { id: 'i-0a' }]]),
    );
    const { role, instanceId } = parse(machineFactsSchema, facts, step.step);
    assert.equal(role, step.role);
    assert.equal(instanceId, 'i-0a');
  }
});

test('gates name steps of the plan', () => {
  const plan = planOf(someSpec(7));
  const names = new Set(plan.steps.map(({ step }) => step));
  for (const gate of plan.gates) {
    for (const step of gate.after) assert.ok(names.has(step), step);
    if (gate.gate === 'health') {
      for (const step of [...gate.nodes, ...Object.values(gate.publicNames)])
        assert.ok(names.has(step), step);
    } else assert.ok(names.has(gate.nameServersOf));
  }
});

test('user data says nothing that depends on other steps, and no secret', () => {
  for (const { plan } of stepsOf(planOf(), 'instance')) {
    assert.equal(typeof plan.userData, 'string');
    assert.doesNotMatch(String(plan.userData), /\$from|PRIVATE KEY|secret/i);
  }
});

test('printPlan() shows addresses, machines, counts, waits and the hash', () => {
  const plan = planOf();
  const text = printPlan(plan);
  for (const expected of [
    'Zone zone03.prod.example.com in us-east-1, account 123456789012',
    'VPC       172.16.6.0/23',
    'private-c  172.16.7.64/26   us-east-1c',
    /worker-0 +t3\.medium +us-east-1a +172\.16\.6\.212 +pods 10\.64\.0\.0\/24/,
    /Names: 3 to make, 1 shared with other zones/,
    /6 × subnet/,
    'NS records written by this plan',
    `${plan.steps.length} steps, plan ${plan.hash.slice(0, 12)}`,
  ]) {
    if (typeof expected === 'string') assert.ok(text.includes(expected), `${expected}\n${text}`);
    else assert.match(text, expected);
  }
  const counted = [...text.matchAll(/: (\d+) to make(?:, (\d+) shared)?/g)].map(
    ([, made, shared = '0']) => Number(made) + Number(shared),
  );
  assert.equal(
    counted.reduce((sum, count) => sum + count, 0),
    plan.steps.length,
  );
});
