import { Context } from '@temporalio/activity';
import { ZonewrightError } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { destroyHash, planDestroy, type DestroyStep } from '../../domain/zone/destroy.ts';
import {
  aboutZone,
  mustBeActive,
  partsOf,
  refsOf,
  withMade,
  withNeeds,
  withoutMade,
  withState,
  zoneManifestSchema,
  type ManifestEntry,
  type PartsWanted,
  type ZoneAbout,
  type ZoneManifest,
  type ZoneState,
} from '../../domain/zone/manifest.ts';
import type { Clients } from '../cloud/clients.ts';
import { overSeen, putObject, readObject, type ObjectName } from '../cloud/objects.ts';
import { asActivity } from '../failures.ts';

/** Every change says who makes it: a manifest has one writer at a time. */
export interface ManifestChange extends ObjectName {
  readonly operation: string;
  readonly at: string;
}

export interface ManifestNote extends ManifestChange {
  readonly made: readonly ManifestEntry[];
  /** What the steps of `made` need, where the zone's own plan does not say it. */
  readonly needs?: ZoneManifest['needs'];
  readonly state?: ZoneState;
}

/** A zone's manifest grows with the zone, so histories carry what changes, never the whole. */
export const manifestChecks = ({ s3 }: Pick<Clients, 's3'>) => {
  const signalOf = () => Context.current().cancellationSignal;
  const read = async (name: ObjectName) => {
    const object = await readObject(s3, name, signalOf());
    if (!object) return undefined;
    const manifest = parse(zoneManifestSchema, JSON.parse(object.text), `manifest "${name.key}"`);
    return { manifest, etag: object.etag };
  };
  const mustRead = async (name: ObjectName) => {
    const found = await read(name);
    if (found) return found;
    throw new ZonewrightError(
      'InvalidInput',
      `Cannot find zone: there is no manifest "${name.bucket}/${name.key}"`,
    );
  };
  const change = async (input: ManifestChange, next: (manifest: ZoneManifest) => ZoneManifest) => {
    const { manifest, etag } = await mustRead(input);
    if (manifest.operation !== input.operation) throw heldBy(input, manifest);
    await putObject(s3, input, JSON.stringify(next(manifest)), { ifMatch: etag }, { signal: signalOf() });
  };
  return {
    /** Begins the manifest of a zone that is not there yet. */
    'manifest.open': asActivity(
      'begin the manifest',
      async (input: ManifestChange & { readonly first: ZoneManifest }) => {
        const there = await read(input);
        if (there?.manifest.operation === input.operation) return;
        if (there && there.manifest.state !== 'destroyed') throw heldBy(input, there.manifest);
        const first = { ...input.first, operation: input.operation };
        await putObject(s3, input, JSON.stringify(first), overSeen(there?.etag), { signal: signalOf() });
      },
    ),

    /** Takes over the manifest of a zone, to change the zone. */
    'manifest.hold': asActivity(
      'hold the manifest',
      async ({ state, operation, at, ...name }: ManifestChange & { readonly state: ZoneState }) => {
        const { manifest, etag } = await mustRead(name);
        // What is being made or destroyed is no zone that other operations can work on.
        if (state === 'active') mustBeActive(manifest);
        const held = { ...withState(manifest, state, at), operation };
        await putObject(s3, name, JSON.stringify(held), { ifMatch: etag }, { signal: signalOf() });
      },
    ),

    'manifest.note': asActivity('write the manifest', (input: ManifestNote) =>
      change(input, (manifest) => {
        const grown = withNeeds(manifest, input.needs ?? {});
        const noted = input.made.reduce((all, entry) => withMade(all, entry, input.at), grown);
        return input.state === undefined ? noted : withState(noted, input.state, input.at);
      }),
    ),

    'manifest.forget': asActivity(
      'write the manifest',
      (input: ManifestChange & { readonly steps: readonly string[]; readonly state?: ZoneState }) =>
        change(input, (manifest) => {
          const less = input.steps.reduce((all, step) => withoutMade(all, step, input.at), manifest);
          return input.state === undefined ? less : withState(less, input.state, input.at);
        }),
    ),

    /** What operations on the zone plan from. */
    'manifest.about': asActivity('read the manifest', async (name: ObjectName): Promise<ZoneAbout> =>
      aboutZone((await mustRead(name)).manifest),
    ),

    /** Some parts of a zone; never all of them, which a history could not carry. */
    'manifest.parts': asActivity(
      'read the manifest',
      async ({ bucket, key, ...wanted }: ObjectName & PartsWanted): Promise<readonly ManifestEntry[]> =>
        partsOf((await mustRead({ bucket, key })).manifest, wanted),
    ),

    /** What a zone is, in short: enough to approve its destruction. */
    'manifest.summary': asActivity('read the manifest', async (name: ObjectName) => {
      const { manifest } = await mustRead(name);
      const { zone, domain, environment, state, createdAt, made, shared } = manifest;
      const kept = made.filter(({ step }) => shared.includes(step));
      return {
        zone,
        domain,
        environment,
        state,
        createdAt,
        parts: made.length - kept.length,
        kept: [...refsOf(kept).values()].map(({ id }) => id),
        destroyHash: destroyHash(manifest),
      };
    }),

    /** The next parts to unmake, at most `limit`, all of which can go at the same time; none when nothing is left. */
    'manifest.nextToGo': asActivity(
      'read the manifest',
      async ({ limit, ...name }: ObjectName & { readonly limit: number }): Promise<readonly DestroyStep[]> =>
        (planDestroy((await mustRead(name)).manifest)[0] ?? []).slice(0, limit),
    ),
  };
};

const heldBy = ({ bucket, key }: ObjectName, manifest: ZoneManifest): ZonewrightError =>
  new ZonewrightError(
    'Conflict',
    `Cannot write "${bucket}/${key}": zone "${manifest.zone}" is ${manifest.state} by operation "${manifest.operation ?? ''}"`,
    { details: { state: manifest.state, operation: manifest.operation } },
  );
