/** What the metadata service says about an instance, from the front's records. */
import type { InstanceFacts, MetadataSource, RoleCredentials } from '../machines/model.ts';
import { AwsError } from './call.ts';
import { userDataOf } from './rules/instance-attributes.ts';
import type { World } from './world.ts';
import { itemsOf, objectOf, textOf } from './xml.ts';
import type { XmlObject } from './xml.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html */
const SESSION_SECONDS = 6 * 3600;
const RENEWED_BEFORE_MS = 10 * 60_000;
/** A booting machine asks dozens of times in a row. */
const REMEMBERED_MS = 1000;

export class FrontMetadata implements MetadataSource {
  readonly #world: World;
  readonly #facts = new Map<
    string,
    { readonly at: number; readonly facts: Promise<InstanceFacts | undefined> }
  >();
  readonly #sessions = new Map<string, { readonly roleId: string; readonly credentials: RoleCredentials }>();

  constructor(world: World) {
    this.#world = world;
  }

  facts(vpcId: string, privateIp: string): Promise<InstanceFacts | undefined> {
    const key = `${vpcId} ${privateIp}`;
    const known = this.#facts.get(key);
    if (known !== undefined && Date.now() - known.at < REMEMBERED_MS) return known.facts;
    const facts = this.#look(vpcId, privateIp);
    this.#facts.set(key, { at: Date.now(), facts });
    return facts;
  }

  async credentials(instanceId: string): Promise<RoleCredentials | undefined> {
    const instance = await this.#describe({ 'InstanceId.1': instanceId });
    const profile = await this.#profile(instance);
    if (profile === undefined) return undefined;
    const known = this.#sessions.get(instanceId);
    const left = (known?.credentials.expiration.getTime() ?? 0) - Date.now();
    if (known?.roleId === profile.roleId && left > RENEWED_BEFORE_MS) return known.credentials;
    const role = { name: profile.roleName, id: profile.roleId };
    const credentials = this.#world.identities.openSession(role, instanceId, SESSION_SECONDS);
    this.#sessions.set(instanceId, { roleId: profile.roleId, credentials });
    return credentials;
  }

  async #look(vpcId: string, privateIp: string): Promise<InstanceFacts | undefined> {
    const world = this.#world;
    const instance = await this.#describe({
      ...{ 'Filter.1.Name': 'private-ip-address', 'Filter.1.Value.1': privateIp },
      ...{ 'Filter.2.Name': 'vpc-id', 'Filter.2.Value.1': vpcId },
    });
    const id = textOf(instance, 'instanceId');
    if (instance === undefined || id === undefined) return undefined;
    const subnetId = textOf(instance, 'subnetId') ?? '';
    const [nic] = itemsOf(instance, 'networkInterfaceSet');
    const [subnets, vpcs, userData, profile] = await Promise.all([
      world.read('DescribeSubnets', { 'SubnetId.1': subnetId }),
      world.read('DescribeVpcs', { 'VpcId.1': vpcId }),
      userDataOf(world, id),
      this.#profile(instance),
    ]);
    const publicIp = textOf(instance, 'ipAddress');
    const tags = itemsOf(instance, 'tagSet').map((tag) => [
      textOf(tag, 'key') ?? '',
      textOf(tag, 'value') ?? '',
    ]);
    return {
      ...{ instanceId: id, privateIp, subnetId, vpcId, region: world.region, accountId: world.accountId },
      imageId: textOf(instance, 'imageId') ?? '',
      instanceType: textOf(instance, 'instanceType') ?? '',
      hostname: textOf(instance, 'privateDnsName') ?? '',
      macAddress: textOf(nic, 'macAddress') ?? '',
      interfaceId: textOf(nic, 'networkInterfaceId') ?? '',
      subnetCidr: textOf(itemsOf(subnets, 'subnetSet')[0], 'cidrBlock') ?? '',
      vpcCidr: textOf(itemsOf(vpcs, 'vpcSet')[0], 'cidrBlock') ?? '',
      availabilityZone: textOf(instance, 'placement', 'availabilityZone') ?? '',
      securityGroupNames: itemsOf(nic, 'groupSet').map((group) => textOf(group, 'groupName') ?? ''),
      tags: Object.fromEntries(tags) as Record<string, string>,
      tagsInMetadata: textOf(instance, 'metadataOptions', 'instanceMetadataTags') === 'enabled',
      ...(publicIp === undefined ? {} : { publicIp }),
      ...(userData === undefined ? {} : { userData }),
      ...(profile === undefined ? {} : { instanceProfile: profile }),
    };
  }

  async #describe(params: Readonly<Record<string, string>>): Promise<XmlObject | undefined> {
    const found = await this.#world.read('DescribeInstances', params).catch((error: unknown) => {
      if (error instanceof AwsError && error.code === 'InvalidInstanceID.NotFound') return {};
      throw error;
    });
    return itemsOf(itemsOf(found, 'reservationSet')[0], 'instancesSet')[0];
  }

  async #profile(
    instance: XmlObject | undefined,
  ): Promise<{ arn: string; id: string; roleName: string; roleId: string } | undefined> {
    const arn = textOf(instance, 'iamInstanceProfile', 'arn');
    if (arn === undefined) return undefined;
    const InstanceProfileName = arn.split('/').at(-1) ?? '';
    try {
      const found = await this.#world.emulator.ask('iam', 'GetInstanceProfile', { InstanceProfileName });
      const profile = objectOf(found, 'InstanceProfile');
      const [role] = itemsOf(profile, 'Roles');
      if (role === undefined) return undefined;
      const id = textOf(profile, 'InstanceProfileId') ?? '';
      return { arn, id, roleName: textOf(role, 'RoleName') ?? '', roleId: textOf(role, 'RoleId') ?? '' };
    } catch (error) {
      // Profile or role are deleted: the machine has no credentials any more.
      if (error instanceof AwsError && error.code === 'NoSuchEntity') return undefined;
      throw error;
    }
  }
}
