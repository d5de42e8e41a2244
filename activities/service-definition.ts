import { isDeepStrictEqual } from 'node:util';
import { definitionKey } from '../domain/discovery/keys.ts';
import { definitionSchema, type Definition } from '../domain/discovery/values.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import type { Effect } from './effect.ts';
import type { ServicesAccess } from './services/access.ts';
import { readRouting, writeDefinition } from './services/routing.ts';

/** Its natural name says whose it is: a service has one definition, and the zone's lease one writer. */
export function serviceDefinitionEffect({
  discovery,
}: ServicesAccess): Effect<PlanOf<'service-definition'>, RefOf<'service-definition'>> {
  return {
    async describe(plan) {
      const { definition } = await readRouting(discovery, plan.service);
      const found = read(definition);
      if (!isDeepStrictEqual(found, plan.definition) || isDeepStrictEqual(found, plan.before)) return [];
      return [{ ref: { id: definitionKey(plan.service) }, owned: true, attempt: 0, mismatch: [] }];
    },

    async create({ service, definition }) {
      await writeDefinition(discovery, service, JSON.stringify(definition));
      return { id: definitionKey(service) };
    },

    /** What it was before; gone where it was not. */
    async remove(_ref, plan) {
      if (plan) await writeDefinition(discovery, plan.service, plan.before && JSON.stringify(plan.before));
    },

    leftovers: 'with its parent',
  };
}

/** `undefined` where there is none that can be read. */
function read(text: string | undefined): Definition | undefined {
  try {
    return text === undefined ? undefined : definitionSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
