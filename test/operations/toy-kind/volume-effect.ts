/** How a volume is looked up, made and unmade: all that a kind needs besides what it is. */
import { CreateVolumeCommand, DeleteVolumeCommand, DescribeVolumesCommand } from '@aws-sdk/client-ec2';
import type { z } from 'zod';
import { unlessGone } from '../../../activities/cloud/cloud-errors.ts';
import type { Clients } from '../../../activities/cloud/clients.ts';
import {
  foundByTags,
  given,
  leftoverOf,
  ownerFilters,
  scopeFilters,
  tagAtCreation,
  tagsOf,
} from '../../../activities/cloud/tags.ts';
import type { Effect } from '../../../activities/effect.ts';
import type { volume } from './volume.ts';

type Plan = z.output<typeof volume.plan>;
type Ref = z.output<typeof volume.ref>;

export const volumeEffect = ({ ec2 }: Pick<Clients, 'ec2'>): Effect<Plan, Ref> => ({
  async describe(plan, { owner, signal: abortSignal }) {
    const command = new DescribeVolumesCommand({ Filters: ownerFilters(owner) });
    const { Volumes = [] } = await ec2.send(command, { abortSignal });
    return Volumes.map(({ VolumeId, Size, AvailabilityZone, Tags }) =>
      foundByTags(
        owner,
        Tags,
        { id: given(VolumeId, 'VolumeId') },
        {
          size: [Size, plan.sizeGiB],
          'availability zone': [AvailabilityZone, plan.availabilityZone],
        },
      ),
    );
  },

  async create({ sizeGiB, availabilityZone }, { tags, token, signal: abortSignal }) {
    const command = new CreateVolumeCommand({
      ...{ Size: sizeGiB, AvailabilityZone: availabilityZone, ClientToken: token },
      TagSpecifications: tagAtCreation(tags, 'volume'),
    });
    return { id: given((await ec2.send(command, { abortSignal })).VolumeId, 'VolumeId') };
  },

  async remove({ id }, _plan, { signal: abortSignal }) {
    await unlessGone(ec2.send(new DeleteVolumeCommand({ VolumeId: id }), { abortSignal }));
  },

  async leftovers(scope, { signal: abortSignal }) {
    const command = new DescribeVolumesCommand({ Filters: scopeFilters(scope) });
    const { Volumes = [] } = await ec2.send(command, { abortSignal });
    return Volumes.map(({ VolumeId, Tags }) => leftoverOf({ id: given(VolumeId, 'VolumeId') }, tagsOf(Tags)));
  },
});
