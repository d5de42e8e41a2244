/**
 * Launches: what AWS checks first, the emulator's record, then a machine.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
 */
import { AwsError, deleteParams, ec2Answer, listOf, structuresOf, tagSpecification } from '../call.ts';
import type { Call, Next, Rule } from '../call.ts';
import { claimAddress, freeElasticAddress } from '../addresses.ts';
import { ROOT_GIB } from '../images.ts';
import type { StoredImage } from '../images.ts';
import { presentInstance } from '../instance-view.ts';
import type { World } from '../world.ts';
import { itemsOf, textOf } from '../xml.ts';
import type { XmlObject } from '../xml.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: limit of the raw data. */
const MOST_USER_DATA = 16 * 1024;

export function runInstances(world: World): Rule {
  return {
    name: 'run-instances',
    actions: ['ec2:RunInstances'],
    async apply(call, next) {
      const image = await launchableImage(world, call);
      refuseLongUserData(call);
      const count = Number(call.params.get('MaxCount') ?? '1');
      const reservations: XmlObject[] = [];
      for (let i = 0; i < count; i++) reservations.push(await launchOne(world, call, next, image));
      const [first, ...others] = reservations;
      const instances = [first!, ...others].flatMap((each) => itemsOf(each, 'instancesSet'));
      return ec2Answer(call, { ...first, requestId: call.id, instancesSet: { item: instances } });
    },
  };
}

async function launchableImage(world: World, call: Call): Promise<StoredImage> {
  const id = call.params.get('ImageId') ?? (await templateImage(world, call));
  if (id === undefined)
    throw new AwsError('MissingParameter', 'The request must contain the parameter ImageId');
  const image = world.images.image(id);
  if (image === undefined)
    throw new AwsError('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
  if (image.availableAt > Date.now()) {
    throw new AwsError('InvalidAMIID.Unavailable', `The image id '[${id}]' is not available`);
  }
  return image;
}

async function templateImage(world: World, call: Call): Promise<string | undefined> {
  const id = call.params.get('LaunchTemplate.LaunchTemplateId');
  const name = call.params.get('LaunchTemplate.LaunchTemplateName');
  if (id === null && name === null) return undefined;
  const found = await world.emulator.ec2('DescribeLaunchTemplateVersions', {
    ...(id === null ? { LaunchTemplateName: name ?? '' } : { LaunchTemplateId: id }),
    'LaunchTemplateVersion.1': call.params.get('LaunchTemplate.Version') ?? '$Default',
  });
  return textOf(itemsOf(found, 'launchTemplateVersionSet')[0], 'launchTemplateData', 'imageId');
}

function refuseLongUserData(call: Call): void {
  const size = Buffer.from(call.params.get('UserData') ?? '', 'base64').length;
  if (size <= MOST_USER_DATA) return;
  throw new AwsError('InvalidParameterValue', `User data is limited to ${MOST_USER_DATA} bytes`);
}

async function launchOne(world: World, original: Call, next: Next, image: StoredImage): Promise<XmlObject> {
  const params = new URLSearchParams(original.params);
  params.set('ImageId', image.id);
  params.set('MinCount', '1');
  params.set('MaxCount', '1');
  const nicGiven = params.has('NetworkInterface.1.NetworkInterfaceId');
  await (nicGiven ? placeByInterface(world, params) : placeInSubnet(world, params));
  await refuseForeignGroups(world, params);
  const encrypted = rootDevice(params, image);
  const wantsPublic = original.params.get('NetworkInterface.1.AssociatePublicIpAddress') === 'true';
  const publicIp = wantsPublic ? await freeElasticAddress(world) : undefined;
  if (image.imdsSupport === 'v2.0') applyImds(params);
  const answer = await next({ ...original, params });
  const reservation = answer.document?.fields ?? {};
  const [instance] = itemsOf(reservation, 'instancesSet');
  const [nic] = itemsOf(instance, 'networkInterfaceSet');
  const interfaceId = textOf(nic, 'networkInterfaceId') ?? '';
  const kept = params.get('NetworkInterface.1.DeleteOnTermination') === 'false';
  const token = params.get('ClientToken');
  world.instances.launch({
    ...{
      id: textOf(instance, 'instanceId') ?? '',
      imageId: image.id,
      layers: image.layers,
      encrypted,
      interfaceId,
    },
    rootDeviceName: image.rootDeviceName,
    ownInterfaceIds: nicGiven || kept ? [] : [interfaceId],
    privateIp: textOf(nic, 'privateIpAddress') ?? textOf(instance, 'privateIpAddress') ?? '',
    shutdownBehavior: params.get('InstanceInitiatedShutdownBehavior') === 'terminate' ? 'terminate' : 'stop',
    state: 'pending',
    ...(token === null ? {} : { clientToken: token }),
    ...(publicIp === undefined ? {} : { publicIp }),
  });
  await tagInterface(world, params, interfaceId);
  presentInstance(world, instance!);
  return reservation;
}

/**
 * Writes the launch as one with an interface of its own, whose address is chosen or checked here: the emulator
 * knows only some of the addresses in use, and would not give this one back.
 */
async function placeInSubnet(world: World, params: URLSearchParams): Promise<void> {
  const nic = 'NetworkInterface.1.';
  for (const name of ['SubnetId', 'PrivateIpAddress']) {
    const value = params.get(name);
    params.delete(name);
    if (value !== null) params.set(nic + name, value);
  }
  listOf(params, 'SecurityGroupId').forEach((id, i) => params.set(`${nic}SecurityGroupId.${i + 1}`, id));
  deleteParams(params, 'SecurityGroupId');
  params.delete(`${nic}AssociatePublicIpAddress`);
  const subnetId = params.get(`${nic}SubnetId`);
  if (subnetId === null)
    throw new AwsError('VPCIdNotSpecified', 'No default VPC for this user. Name a subnet.');
  const wanted = params.get(`${nic}PrivateIpAddress`) ?? undefined;
  params.set(`${nic}PrivateIpAddress`, await claimAddress(world, subnetId, wanted));
  params.set(`${nic}DeviceIndex`, '0');
  params.set(`${nic}AssociatePublicIpAddress`, 'false');
  if (!params.has(`${nic}DeleteOnTermination`)) params.set(`${nic}DeleteOnTermination`, 'true');
}

/** An interface that is there already decides the Availability Zone. */
async function placeByInterface(world: World, params: URLSearchParams): Promise<void> {
  const id = params.get('NetworkInterface.1.NetworkInterfaceId') ?? '';
  const found = await world.read('DescribeNetworkInterfaces', { 'NetworkInterfaceId.1': id });
  const [nic] = itemsOf(found, 'networkInterfaceSet');
  if (textOf(nic, 'status') === 'in-use') {
    throw new AwsError('InvalidNetworkInterface.InUse', `Interface: [${id}] in use.`);
  }
  params.set('Placement.AvailabilityZone', textOf(nic, 'availabilityZone') ?? '');
}

async function refuseForeignGroups(world: World, params: URLSearchParams): Promise<void> {
  const subnetId = params.get('NetworkInterface.1.SubnetId');
  const groups = [...params]
    .filter(([name]) => /(^|\.)SecurityGroupId\.\d+$/.test(name))
    .map(([, value]) => value);
  if (groups.length === 0 || subnetId === null) return;
  const ids = Object.fromEntries(groups.map((id, i) => [`GroupId.${i + 1}`, id]));
  const found = itemsOf(await world.read('DescribeSecurityGroups', ids), 'securityGroupInfo');
  const [subnet] = itemsOf(await world.read('DescribeSubnets', { 'SubnetId.1': subnetId }), 'subnetSet');
  const foreign = found.find((group) => group['vpcId'] !== subnet?.['vpcId']);
  if (foreign === undefined) return;
  const message = `Security group ${textOf(foreign, 'groupId')} and subnet ${subnetId} belong to different networks.`;
  throw new AwsError('InvalidParameter', message);
}

/** Writes the root volume's mapping out in full; answers whether it is encrypted. */
function rootDevice(params: URLSearchParams, image: StoredImage): boolean {
  const mappings = structuresOf(params, 'BlockDeviceMapping');
  if (!mappings.some((each) => each.get('DeviceName') === image.rootDeviceName)) {
    mappings.unshift(new Map([['DeviceName', image.rootDeviceName]]));
  }
  let encrypted = image.encrypted;
  deleteParams(params, 'BlockDeviceMapping');
  mappings.forEach((mapping, i) => {
    if (mapping.get('DeviceName') === image.rootDeviceName) {
      encrypted ||= mapping.get('Ebs.Encrypted') === 'true';
      mapping.set('Ebs.Encrypted', String(encrypted));
      mapping.delete('Ebs.SnapshotId');
    }
    const values = new Map([['Ebs.VolumeSize', ROOT_GIB], ['Ebs.DeleteOnTermination', 'true'], ...mapping]);
    for (const [name, value] of values) params.set(`BlockDeviceMapping.${i + 1}.${name}`, value);
  });
  return encrypted;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances-ami-configuration.html */
function applyImds(params: URLSearchParams): void {
  if (!params.has('MetadataOptions.HttpTokens')) params.set('MetadataOptions.HttpTokens', 'required');
  if (!params.has('MetadataOptions.HttpPutResponseHopLimit'))
    params.set('MetadataOptions.HttpPutResponseHopLimit', '2');
}

async function tagInterface(world: World, params: URLSearchParams, interfaceId: string): Promise<void> {
  const tags = Object.entries(tagSpecification(params, 'network-interface'));
  if (tags.length === 0) return;
  const named = tags.flatMap(([key, value], i) => [
    [`Tag.${i + 1}.Key`, key] as const,
    [`Tag.${i + 1}.Value`, value] as const,
  ]);
  await world.emulator.ec2('CreateTags', { 'ResourceId.1': interfaceId, ...Object.fromEntries(named) });
}
