/** Kinds of EC2 resources: how their ids begin, where a read lists them, and how an unknown id is refused. */
export interface Kind {
  readonly prefix: string;
  /** As in ARNs and tag specifications. */
  readonly resourceType: string;
  readonly describe: string;
  readonly set: string;
  readonly idField: string;
  readonly notFound: string;
  /** Field that names what it lies in. */
  readonly parentField?: string;
}

export const KINDS: readonly Kind[] = [
  kind(
    'i-',
    'instance',
    'DescribeInstances',
    'instancesSet',
    'instanceId',
    'InvalidInstanceID.NotFound',
    'subnetId',
  ),
  kind('vpc-', 'vpc', 'DescribeVpcs', 'vpcSet', 'vpcId', 'InvalidVpcID.NotFound'),
  kind('subnet-', 'subnet', 'DescribeSubnets', 'subnetSet', 'subnetId', 'InvalidSubnetID.NotFound', 'vpcId'),
  kind(
    'igw-',
    'internet-gateway',
    'DescribeInternetGateways',
    'internetGatewaySet',
    'internetGatewayId',
    'InvalidInternetGatewayID.NotFound',
  ),
  kind(
    'nat-',
    'natgateway',
    'DescribeNatGateways',
    'natGatewaySet',
    'natGatewayId',
    'NatGatewayNotFound',
    'subnetId',
  ),
  kind(
    'rtb-',
    'route-table',
    'DescribeRouteTables',
    'routeTableSet',
    'routeTableId',
    'InvalidRouteTableID.NotFound',
    'vpcId',
  ),
  kind(
    'sg-',
    'security-group',
    'DescribeSecurityGroups',
    'securityGroupInfo',
    'groupId',
    'InvalidGroup.NotFound',
    'vpcId',
  ),
  kind(
    'eipalloc-',
    'elastic-ip',
    'DescribeAddresses',
    'addressesSet',
    'allocationId',
    'InvalidAllocationID.NotFound',
    'networkInterfaceId',
  ),
  kind(
    'eni-',
    'network-interface',
    'DescribeNetworkInterfaces',
    'networkInterfaceSet',
    'networkInterfaceId',
    'InvalidNetworkInterfaceID.NotFound',
    'subnetId',
  ),
  kind('vol-', 'volume', 'DescribeVolumes', 'volumeSet', 'volumeId', 'InvalidVolume.NotFound'),
  kind('ami-', 'image', 'DescribeImages', 'imagesSet', 'imageId', 'InvalidAMIID.NotFound'),
  kind('snap-', 'snapshot', 'DescribeSnapshots', 'snapshotSet', 'snapshotId', 'InvalidSnapshot.NotFound'),
  kind(
    'lt-',
    'launch-template',
    'DescribeLaunchTemplates',
    'launchTemplates',
    'launchTemplateId',
    'InvalidLaunchTemplateId.NotFound',
  ),
];

/** The kind of resource that an id names; undefined where the text is no id. */
export function kindOfId(id: string): Kind | undefined {
  return KINDS.find(({ prefix }) => id.startsWith(prefix) && /^[0-9a-f]{8,}$/.test(id.slice(prefix.length)));
}

function kind(
  prefix: string,
  resourceType: string,
  describe: string,
  set: string,
  idField: string,
  notFound: string,
  parentField?: string,
): Kind {
  const known = { prefix, resourceType, describe, set, idField, notFound };
  return parentField === undefined ? known : { ...known, parentField };
}
