/** Images that tests bake: a small one of their own, and the zone's. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withAws } from '../../../clients/aws.ts';
import { findVerified } from '../../../clients/images/catalog.ts';
import { requestBake, sendRecipe, type BakeRequest } from '../../../clients/images/request-bake.ts';
import { bundleAgents } from '../../../clients/recipes/bundle-agents.ts';
import { bakeId } from '../../../domain/image/bake.ts';
import { obtain, type ToolName } from '../../../sandbox/toolchain/index.ts';
import type { Laboratory } from './laboratory.ts';
import { runPhase, type Start } from './run.ts';

/** A bake that nobody asked for before: a file with a text of its own, no packages, no tools. */
export const smallBake = (lab: Laboratory, text: string): Promise<Start> => bakeOf(lab, text, {});

/** The same with a builder that gives up. */
export const failingBake = (lab: Laboratory, text: string): Promise<Start> =>
  bakeOf(lab, text, { install: 'install.sh' });

async function bakeOf(lab: Laboratory, text: string, more: { readonly install?: string }): Promise<Start> {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-recipe-'));
  try {
    writeFileSync(join(folder, 'text'), `${text}\n`);
    writeFileSync(join(folder, 'install.sh'), '#!/bin/sh\necho this recipe cannot be installed\nexit 7\n', {
      mode: 0o755,
    });
    const recipe = {
      ...more,
      name: 'small',
      instanceType: 't3.small',
      files: [{ to: '/etc/zonewright-text', path: 'text' }],
      test: { commands: [{ run: 'cat /etc/zonewright-text', expect: text }] },
    };
    writeFileSync(join(folder, 'recipe.yaml'), JSON.stringify(recipe));
    return startOf(await requestOf(lab, folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const EXAMPLE = join(import.meta.dirname, '../../../examples/images/zone');

/** Id of the verified image that zones boot from, baked where the sandbox has none. */
export async function zoneImage(lab: Laboratory): Promise<string> {
  const request = await requestOf(lab, EXAMPLE);
  const wanted = { bake: bakeId(request.input.content) };
  const find = () => withAws(lab.context, (aws) => findVerified(aws, wanted));
  const found = await find();
  if (found !== undefined) return found.id;
  const { ended } = await runPhase(lab, [startOf(request)], []);
  const baked = await find();
  if (baked === undefined) throw new Error(`Cannot bake the zone's image: ${ended[0]?.failure}`);
  return baked.id;
}

async function requestOf({ context, state }: Laboratory, folder: string): Promise<BakeRequest> {
  const request = await requestBake(context, {
    folder,
    resolveTool: async (name) => (name === 'zonewright-agents' ? bundleAgents() : obtain(name as ToolName)),
    defaultSource: state.sourceImageName,
  });
  await sendRecipe(context, request);
  return request;
}

function startOf({ workflowId, input }: BakeRequest): Start {
  const id = bakeId(input.content);
  return {
    type: 'BakeAmi',
    workflowId,
    input: { ...input, actor: 'harness', onFailure: 'roll-back' },
    own: [id, id.slice(0, 8)],
  };
}
