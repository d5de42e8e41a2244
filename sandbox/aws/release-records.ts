/** The emulator's records of an instance: brought in line with what became of its machine. */
import { AwsError } from './call.ts';
import type { Emulator } from './emulator.ts';
import type { InstanceRecord } from './instance-record.ts';
import { itemsOf, textOf } from './xml.ts';

/**
 * Ends the records of a terminated instance: Elastic IPs are free again, and interfaces that were made for it go.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html
 */
export async function releaseRecords(emulator: Emulator, record: InstanceRecord): Promise<void> {
  const interfaces = await interfacesOf(emulator, record.id);
  const { addressesSet } = await emulator.ec2('DescribeAddresses');
  for (const address of itemsOf({ addressesSet }, 'addressesSet')) {
    const association = textOf(address, 'associationId');
    const mapped = interfaces.includes(textOf(address, 'networkInterfaceId') ?? '');
    if (association !== undefined && (mapped || textOf(address, 'instanceId') === record.id)) {
      await emulator.ec2('DisassociateAddress', { AssociationId: association });
    }
  }
  await emulator.ec2('TerminateInstances', { 'InstanceId.1': record.id });
  for (const id of interfaces) {
    // An interface that was there before stays; what shows it to clients takes it as detached.
    if (!record.ownInterfaceIds.includes(id)) continue;
    await ignoring('NotFound', emulator.ec2('DeleteNetworkInterface', { NetworkInterfaceId: id }));
  }
}

async function interfacesOf(emulator: Emulator, instanceId: string): Promise<string[]> {
  const found = await emulator.ec2('DescribeNetworkInterfaces', {
    'Filter.1.Name': 'attachment.instance-id',
    'Filter.1.Value.1': instanceId,
  });
  return itemsOf(found, 'networkInterfaceSet').flatMap((each) => textOf(each, 'networkInterfaceId') ?? []);
}

async function ignoring(code: string, done: Promise<unknown>): Promise<void> {
  await done.catch((error: unknown) => {
    if (!(error instanceof AwsError) || !error.code.includes(code)) throw error;
  });
}
