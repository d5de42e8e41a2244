/** From a person's zone file to the plan of a zone: finds out what the plan needs to know. Changes nothing. */
import { ListHostedZonesByNameCommand } from '@aws-sdk/client-route-53';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { InvalidInput } from '../../domain/errors.ts';
import { bakeId } from '../../domain/image/bake.ts';
import type { ZoneFacts } from '../../domain/zone/facts.ts';
import { planZone } from '../../domain/zone/plan.ts';
import type { ZonePlan } from '../../domain/zone/plan.ts';
import type { ZoneSpec } from '../../domain/zone/spec.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';
import type { AwsClients } from '../aws.ts';
import type { ZonewrightContext } from '../contexts.ts';
import { findVerified } from '../images/catalog.ts';
import { requestBake } from '../images/request-bake.ts';
import type { BakeRequest } from '../images/request-bake.ts';
import { readZoneSpec } from './read-spec.ts';
import type { ReadZoneSpec } from './read-spec.ts';

export interface PreparedZone {
  readonly spec: ZoneSpec;
  /** The bake that must come first, where no verified image of the recipe exists. */
  readonly bake?: BakeRequest;
  /** What the plan needs besides the image. */
  readonly facts: Omit<ZoneFacts, 'imageId'>;
  readonly imageId?: string;
}

export interface PrepareOptions {
  readonly resolveTool: (name: string) => Promise<string>;
  readonly onProgress?: (what: string) => void;
}

/**
 * Reads the file and everything that the plan of its zone needs to know.
 *
 * @throws {InvalidInput} naming what is wrong in the file
 */
export async function prepareZone(
  context: ZonewrightContext,
  aws: AwsClients,
  file: string,
  options: PrepareOptions,
): Promise<PreparedZone> {
  const read = await readZoneSpec(file);
  const { spec } = read;
  refuseOtherPlace(spec, context, file);
  const [{ Account: accountId = '' }, hostedZone] = await Promise.all([
    aws.sts.send(new GetCallerIdentityCommand({})),
    hostedZoneOf(aws, spec.environment.domain),
  ]);
  const { address, namespace, fromMachines = address } = context.temporal;
  const facts = {
    accountId,
    bucket: context.store.bucket,
    storePrefix: '',
    temporal: { address: fromMachines, namespace },
    ...(hostedZone === undefined ? {} : { environmentHostedZoneId: hostedZone }),
  };
  return { spec, facts, ...(await imageOf(context, aws, read, file, options)) };
}

/** The context says which environment its connections belong to; a zone of another one would land in the wrong account. */
function refuseOtherPlace(spec: ZoneSpec, { name, environment, aws }: ZonewrightContext, file: string): void {
  const issues = [];
  if (spec.environment.domain !== environment.domain) {
    const expected = `"${environment.domain}", the environment of context "${name}"`;
    issues.push({ path: 'environment.domain', value: spec.environment.domain, expected });
  }
  if (spec.region !== aws.region) {
    issues.push({
      path: 'region',
      value: spec.region,
      expected: `"${aws.region}", the region of context "${name}"`,
    });
  }
  if (issues.length > 0) throw new InvalidInput(file, issues);
}

/** Id of the public hosted zone of exactly this name, where the account has one. */
async function hostedZoneOf({ route53 }: AwsClients, domain: string): Promise<string | undefined> {
  const { HostedZones = [] } = await route53.send(new ListHostedZonesByNameCommand({ DNSName: domain }));
  const found = HostedZones.find(({ Name, Config }) => Name === `${domain}.` && Config?.PrivateZone !== true);
  return found?.Id?.replace('/hostedzone/', '');
}

async function imageOf(
  context: ZonewrightContext,
  aws: AwsClients,
  { spec, recipeFolder }: ReadZoneSpec,
  file: string,
  options: PrepareOptions,
): Promise<{ imageId?: string; bake?: BakeRequest }> {
  const { id, digest } = spec.image;
  if (id !== undefined) return { imageId: id };
  if (digest !== undefined) {
    const found = await findVerified(aws, { recipeDigest: digest });
    if (found !== undefined) return { imageId: found.id };
    const expected = 'the recipe digest of a verified image, as "zonewright image list --json" shows it';
    throw new InvalidInput(file, [{ path: 'image.digest', value: digest, expected }]);
  }
  const { resolveTool, onProgress } = options;
  const bake = await requestBake(context, {
    folder: recipeFolder ?? '',
    resolveTool,
    ...(context.sourceImage === undefined ? {} : { defaultSource: context.sourceImage }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  const baked = await findVerified(aws, { bake: bakeId(bake.input.content) });
  return baked === undefined ? { bake } : { bake, imageId: baked.id };
}

/** The plan of a prepared zone, with the image that it has or that was baked for it. */
export const planOf = ({ spec, facts }: PreparedZone, imageId: string): ZonePlan =>
  planZone(spec, { ...facts, imageId }, nodeUserData);
