import { DescribeNetworkInterfacesCommand, type EC2Client, type NetworkInterface } from '@aws-sdk/client-ec2';
import { NotYet } from '../../domain/errors.ts';
import { cloudErrorCode } from './cloud-errors.ts';

/** A part of a VPC by the filter that finds the network interfaces inside it. */
interface Place {
  readonly name: 'vpc-id' | 'subnet-id' | 'group-id';
  readonly id: string;
}

const DELAY_MS = 5_000;

/**
 * Deletes a part of a VPC; where something still stands in it, the failure names what and whose it is: load balancers
 * and other services leave network interfaces behind that bear none of our tags.
 *
 * @throws {NotYet} naming the network interfaces
 */
export async function deleteNamingBlockers(
  ec2: EC2Client,
  place: Place,
  signal: AbortSignal,
  run: () => Promise<unknown>,
): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (cloudErrorCode(error) !== 'DependencyViolation') throw error;
    const command = new DescribeNetworkInterfacesCommand({
      Filters: [{ Name: place.name, Values: [place.id] }],
    });
    const { NetworkInterfaces = [] } = await ec2.send(command, { abortSignal: signal });
    const blockers = NetworkInterfaces.map(describeInterface);
    const because = blockers.length > 0 ? blockers.join('; ') : (error as Error).message;
    throw new NotYet(`Cannot delete "${place.id}" yet: ${because}`, DELAY_MS, {
      blockers: NetworkInterfaces.map(({ NetworkInterfaceId }) => NetworkInterfaceId),
    });
  }
}

function describeInterface(found: NetworkInterface): string {
  const user = found.Attachment?.InstanceId ?? found.Attachment?.InstanceOwnerId ?? found.RequesterId;
  const words = [
    `network interface "${found.NetworkInterfaceId}"`,
    found.Description ? `(${found.Description})` : '',
    `of "${found.RequesterId ?? found.OwnerId ?? 'unknown'}"`,
    user === undefined ? '' : `is used by "${user}"`,
  ];
  return words.filter((word) => word !== '').join(' ');
}
