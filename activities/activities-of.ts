import type { Kind } from '../domain/resources/index.ts';
import { effectActivities, type Effects, type EffectSettings } from './effect.ts';

type Activity = (...args: never[]) => Promise<unknown>;
type EffectActivities<K extends Kind> = {
  readonly [Name in `${K}.${'create' | 'delete' | 'describe' | 'ready'}`]: Activity;
};

/** The activities of some effects, four of each. */
export function activitiesOf<K extends Kind>(
  effects: Pick<Effects, K>,
  settings: EffectSettings,
): EffectActivities<K> {
  const all = (Object.keys(effects) as K[]).map((kind) => effectActivities(kind, effects[kind], settings));
  return Object.assign({}, ...all) as EffectActivities<K>;
}
