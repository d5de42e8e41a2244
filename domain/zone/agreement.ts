import { overlaps, parseCidr } from '../network/cidr.ts';
import { nodePodRanges, slotsOf, zoneCidr } from './addresses.ts';

/** The fields of a zone's specification that must agree with each other. */
interface Fields {
  readonly environment: { readonly index: number };
  readonly zone: number;
  readonly region: string;
  readonly availabilityZones: readonly string[];
  readonly kubernetes: { readonly podCidr: string; readonly serviceCidr: string };
  readonly workers: readonly { readonly count: number }[];
}

export interface Disagreement {
  readonly path: readonly PropertyKey[];
  /** What was expected. */
  readonly message: string;
}

/** What is wrong with fields that are right by themselves. */
export const disagreements = (fields: Fields): Disagreement[] => [
  ...availabilityZoneProblems(fields),
  ...rangeProblems(fields),
  ...workerProblems(fields),
];

function availabilityZoneProblems({ region, availabilityZones }: Fields): Disagreement[] {
  return availabilityZones.flatMap((name, at) => {
    const path = ['availabilityZones', at];
    if (!new RegExp(`^${region}[a-z]$`).test(name)) {
      return [{ path, message: `an availability zone of ${region}: ${region}a, ${region}b, …` }];
    }
    return availabilityZones.indexOf(name) === at ? [] : [{ path, message: 'three different ones' }];
  });
}

function rangeProblems({ environment, zone, kubernetes }: Fields): Disagreement[] {
  const vpcCidr = zoneCidr(environment.index, zone);
  const pods = parseCidr(kubernetes.podCidr);
  const services = parseCidr(kubernetes.serviceCidr);
  const vpc = parseCidr(vpcCidr);
  const clashes: [clash: boolean, field: string, other: string][] = [
    [overlaps(pods, vpc), 'podCidr', `the zone's own ${vpcCidr}`],
    [overlaps(services, vpc), 'serviceCidr', `the zone's own ${vpcCidr}`],
    [overlaps(pods, services), 'serviceCidr', `podCidr ${kubernetes.podCidr}`],
  ];
  return clashes
    .filter(([clash]) => clash)
    .map(([, field, other]) => ({
      path: ['kubernetes', field],
      message: `a range that does not overlap ${other}`,
    }));
}

function workerProblems({ workers, kubernetes: { podCidr } }: Fields): Disagreement[] {
  const total = workers.reduce((sum, { count }) => sum + count, 0);
  const most = slotsOf('worker');
  const room = nodePodRanges(podCidr);
  if (total > most) return [{ path: ['workers'], message: `at most ${most} workers in all, not ${total}` }];
  if (total <= room) return [];
  const message = `room for a /24 of each of ${total} workers; this has ${room}`;
  return [{ path: ['kubernetes', 'podCidr'], message }];
}
