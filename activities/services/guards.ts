import { NotYet } from '../../domain/errors.ts';
import { behind, type Routing } from './routing.ts';

const DELAY_MS = 1_000;

/**
 * What must hold before an announced instance is withdrawn or stopped, whichever way a roll goes: discovery is not
 * frozen, enough others are announced, and every router knows them.
 *
 * @param going numbers of the instances that shall go
 * @throws {NotYet} saying what does not hold
 */
export function mustNotBeMissed(
  service: string,
  routing: Routing,
  going: readonly number[],
  keep: number,
): void {
  mustNotBeFrozen(service, routing);
  const others = [...routing.hosts.keys()].filter((number) => !going.includes(number)).length;
  if (others < keep)
    throw new NotYet(
      `waiting until ${keep} other instances of "${service}" are announced: ${others} are`,
      DELAY_MS,
    );
  const late = keep === 0 ? [] : behind(routing);
  if (late.length > 0) throw new NotYet(`waiting for routers: ${late.join('; ')}`, DELAY_MS);
}

export function mustNotBeFrozen(service: string, { frozenSince }: Routing): void {
  if (frozenSince !== undefined)
    throw new NotYet(
      `nothing changes while all presence of "${service}" is lost (since ${frozenSince})`,
      DELAY_MS,
    );
}
