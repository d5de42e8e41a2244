/** How an instance is described: the emulator's record, with the life that the front leads for it. */
import { STATE_CODES } from './instance-record.ts';
import type { InstanceRecord } from './instance-record.ts';
import type { World } from './world.ts';
import { itemsOf, objectOf } from './xml.ts';
import type { XmlObject } from './xml.ts';

/** What a terminated instance is described without. */
const GONE = [
  'subnetId',
  'vpcId',
  'privateIpAddress',
  'networkInterfaceSet',
  'iamInstanceProfile',
  'groupSet',
  'ipAddress',
];

export function stateXml(record: Pick<InstanceRecord, 'state'>): XmlObject {
  return { code: STATE_CODES[record.state], name: record.state };
}

/** Puts the emulator's description right, in place. */
export function presentInstance(world: World, instance: XmlObject): void {
  const record = world.instances.get(String(instance['instanceId']));
  if (record === undefined) return;
  instance['imageId'] = record.imageId;
  instance['instanceState'] = stateXml(record);
  instance['rootDeviceName'] = record.rootDeviceName;
  instance['clientToken'] = record.clientToken ?? '';
  instance['reason'] = '';
  delete instance['stateReason'];
  if (record.reason !== undefined) {
    const { code, message } = record.reason;
    instance['reason'] = code.endsWith('UserInitiatedShutdown')
      ? `User initiated (${record.reasonTime})`
      : '';
    instance['stateReason'] = { code, message };
  }
  for (const nic of itemsOf(instance, 'networkInterfaceSet')) {
    const own = record.ownInterfaceIds.includes(String(nic['networkInterfaceId']));
    nic['attachment'] = { ...objectOf(nic, 'attachment'), deleteOnTermination: String(own) };
  }
  if (record.publicIp !== undefined && instance['ipAddress'] === undefined)
    instance['ipAddress'] = record.publicIp;
  // Of an instance, the emulator knows the groups it was launched with; its first interface has those in force.
  const primary = itemsOf(instance, 'networkInterfaceSet').find(
    (nic) => nic['networkInterfaceId'] === record.interfaceId,
  );
  instance['groupSet'] = { item: itemsOf(primary, 'groupSet') };
  if (record.state !== 'terminated') return;
  for (const name of GONE) delete instance[name];
  instance['blockDeviceMapping'] = '';
  instance['privateDnsName'] = '';
  instance['dnsName'] = '';
}

/** False once AWS would have forgotten it. */
export function stillSeen(world: World, record: InstanceRecord): boolean {
  return record.terminatedAt === undefined || Date.now() - record.terminatedAt < world.delays.terminatedMs;
}
