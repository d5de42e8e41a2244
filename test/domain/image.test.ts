import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bakeId, bakeWorkflowId, type BakeContent } from '../../domain/image/bake.ts';
import { planBake } from '../../domain/image/plan.ts';
import { dependenciesOf, layersOf, type PlannedStep } from '../../domain/plan.ts';

const content: BakeContent = {
  accountId: '123456789012',
  region: 'us-east-1',
  sourceImageId: 'ami-0123456789abcdef0',
  rootDevice: '/dev/xvda',
  recipe: {
    name: 'zone',
    digest: 'a'.repeat(64),
    archiveSha256: 'b'.repeat(64),
    architecture: 'x86_64',
    instanceType: 'm6i.large',
    options: { encrypted: true, imdsV2Only: true },
    test: { units: [], commands: [] },
  },
};

test('bakeId() is the same for the same content, whatever the order of keys', () => {
  const { recipe, ...rest } = content;
  assert.equal(bakeId({ recipe, ...rest }), bakeId(content));
  assert.match(bakeWorkflowId(content), /^bake-[0-9a-f]{32}$/);
});

for (const [what, other] of [
  ['account', { ...content, accountId: '210987654321' }],
  ['region', { ...content, region: 'eu-central-1' }],
  ['source image', { ...content, sourceImageId: 'ami-0fedcba9876543210' }],
  ['recipe', { ...content, recipe: { ...content.recipe, digest: 'c'.repeat(64) } }],
  ['architecture', { ...content, recipe: { ...content.recipe, architecture: 'arm64' } }],
  ['options', { ...content, recipe: { ...content.recipe, options: { encrypted: false, imdsV2Only: true } } }],
] as const) {
  test(`bakeId() changes with the ${what}`, () => assert.notEqual(bakeId(other), bakeId(content)));
}

const plan = planBake({
  id: bakeId(content),
  content,
  bucket: 'store',
  availabilityZone: 'us-east-1a',
  userData: { builder: '#cloud-config\n# b', tester: '#cloud-config\n# t' },
  access: { read: ['recipes/x.tar.gz'], write: ['bakes/y/*'] },
});
const parts: readonly (readonly PlannedStep[])[] = [
  plan.surroundings,
  plan.builder,
  plan.image,
  plan.tester,
  plan.verification,
];

test('planBake() can be done part by part', () => {
  const done = new Set<string>();
  for (const steps of parts) {
    assert.ok(layersOf(steps, done).length > 0);
    for (const step of steps) done.add(step.step);
  }
});

test('planBake() gives the machines no more than the recipe and the folder of the bake', () => {
  const role = plan.surroundings.find((step) => step.kind === 'role');
  assert.deepEqual(role?.plan, {
    roleName: 'bake-zone-' + bakeId(content).slice(0, 8),
    statements: [
      { Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::store/recipes/x.tar.gz'] },
      { Effect: 'Allow', Action: ['s3:PutObject'], Resource: ['arn:aws:s3:::store/bakes/y/*'] },
    ],
  });
});

test('planBake() boots no machine before it can reach the store', () => {
  for (const step of [...plan.builder, ...plan.tester]) {
    const needs = dependenciesOf(step);
    assert.ok(needs.includes('network/route') && needs.includes('access/profile'), step.step);
  }
});
