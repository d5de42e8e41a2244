/**
 * Instances as they really are: state, image and launch facts are the front's, and so are filters on them.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
 */
import { AwsError, filtersOf, listOf, matchesPattern, setFilters } from '../call.ts';
import type { Call, Filter, Rule } from '../call.ts';
import { presentInstance, stateXml, stillSeen } from '../instance-view.ts';
import { STATE_CODES } from '../instance-record.ts';
import type { InstanceRecord } from '../instance-record.ts';
import type { World } from '../world.ts';
import { itemsOf } from '../xml.ts';

/** Filters that the emulator would answer from its own idea of an instance. */
const OWN_FILTERS: Readonly<Record<string, (record: InstanceRecord) => string>> = {
  'instance-state-name': (record) => record.state,
  'instance-state-code': (record) => STATE_CODES[record.state],
  'image-id': (record) => record.imageId,
  'client-token': (record) => record.clientToken ?? '',
  'root-device-name': (record) => record.rootDeviceName,
  'state-reason-code': (record) => record.reason?.code ?? '',
};

/** Filters on what a terminated instance no longer has. */
const OF_THE_LIVING = /^(vpc-id|subnet-id|private-ip-address|network-interface|instance\.group)/;

export function describeInstances(world: World): Rule {
  return {
    name: 'describe-instances',
    actions: ['ec2:DescribeInstances', 'ec2:DescribeInstanceStatus'],
    async apply(call, next) {
      for (const id of listOf(call.params, 'InstanceId')) requireInstance(world, id);
      const { own, living } = takeFilters(call);
      const all = call.params.get('IncludeAllInstances') === 'true';
      if (call.action === 'DescribeInstanceStatus') call.params.set('IncludeAllInstances', 'true');
      const answer = await next(call);
      const fields = answer.document?.fields ?? {};
      const wanted = (id: unknown): boolean => {
        const record = world.instances.get(String(id));
        if (record === undefined || !stillSeen(world, record)) return false;
        return own.every((filter) => holds(filter, record)) && !(living && record.state === 'terminated');
      };
      if (call.action === 'DescribeInstanceStatus') {
        const statuses = itemsOf(fields, 'instanceStatusSet').filter((each) => wanted(each['instanceId']));
        for (const status of statuses)
          status['instanceState'] = stateXml(world.instances.get(String(status['instanceId']))!);
        const shown = statuses.filter(
          (each) => all || world.instances.get(String(each['instanceId']))?.state === 'running',
        );
        fields['instanceStatusSet'] = { item: shown };
        return answer;
      }
      const reservations = itemsOf(fields, 'reservationSet');
      for (const reservation of reservations) {
        const instances = itemsOf(reservation, 'instancesSet').filter((each) => wanted(each['instanceId']));
        for (const instance of instances) presentInstance(world, instance);
        reservation['instancesSet'] = { item: instances };
      }
      const shown = reservations.filter((each) => itemsOf(each, 'instancesSet').length > 0);
      fields['reservationSet'] = { item: shown };
      return answer;
    },
  };
}

/** The record behind an id. @throws {AwsError} where there is none, or none any more */
export function requireInstance(world: World, id: string): InstanceRecord {
  const record = world.instances.get(id);
  if (record !== undefined && stillSeen(world, record)) return record;
  throw new AwsError('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
}

function takeFilters(call: Call): { own: Filter[]; living: boolean } {
  const filters = filtersOf(call.params);
  const own = filters.filter(({ name }) => name in OWN_FILTERS);
  if (own.length > 0)
    setFilters(
      call.params,
      filters.filter(({ name }) => !(name in OWN_FILTERS)),
    );
  return { own, living: filters.some(({ name }) => OF_THE_LIVING.test(name)) };
}

function holds(filter: Filter, record: InstanceRecord): boolean {
  const value = OWN_FILTERS[filter.name]!(record);
  return filter.values.some((pattern) => matchesPattern(pattern, value));
}
