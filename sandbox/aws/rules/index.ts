/** Every rule, outermost first: a call passes down the list, its answer back up. */
import type { Rule } from '../call.ts';
import type { World } from '../world.ts';
import { clientTokens } from './client-tokens.ts';
import { consoleOutput } from './console-output.ts';
import { dependencies } from './dependencies.ts';
import { describeInstances } from './describe-instances.ts';
import { elasticAddresses } from './elastic-addresses.ts';
import { identities } from './identities.ts';
import { imageTags } from './image-tags.ts';
import { images } from './images.ts';
import { instanceAttributes } from './instance-attributes.ts';
import { instanceProfiles } from './instance-profiles.ts';
import { instanceStates } from './instance-states.ts';
import { natGateways } from './nat-gateways.ts';
import { networkInterfaces } from './network-interfaces.ts';
import { runInstances } from './run-instances.ts';
import { snapshots } from './snapshots.ts';
import { subnets } from './subnets.ts';

export const rulesOf = (world: World): Rule[] => [
  identities(world),
  world.route53,
  clientTokens(world),
  instanceProfiles(world),
  runInstances(world),
  describeInstances(world),
  instanceStates(world),
  instanceAttributes(world),
  consoleOutput(world),
  images(world),
  snapshots(world),
  imageTags(world),
  natGateways(world),
  elasticAddresses(world),
  networkInterfaces(world),
  dependencies(world),
  subnets(world),
];
