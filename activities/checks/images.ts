import { DescribeImagesCommand, type DescribeImagesCommandInput, type Image } from '@aws-sdk/client-ec2';
import { Context } from '@temporalio/activity';
import { ZonewrightError } from '../../domain/errors.ts';
import { VERIFIED_TAG } from '../../domain/resources/image-verification.ts';
import { orAbsent } from '../cloud/cloud-errors.ts';
import type { Clients } from '../cloud/clients.ts';
import { given } from '../cloud/tags.ts';
import { asActivity } from '../failures.ts';

export interface SourceImage {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly architecture: string;
  readonly createdAt: string;
}

export const imageChecks = ({ ec2 }: Pick<Clients, 'ec2'>) => {
  const newestFirst = async (request: DescribeImagesCommandInput): Promise<Image[]> => {
    const abortSignal = Context.current().cancellationSignal;
    const answer = await orAbsent(ec2.send(new DescribeImagesCommand(request), { abortSignal }));
    return (answer?.Images ?? []).toSorted((a, b) =>
      (b.CreationDate ?? '').localeCompare(a.CreationDate ?? ''),
    );
  };
  return {
    /** The image of this account that was verified with this digest, `undefined` when there is none. */
    'image.find': asActivity('look for a verified image', async ({ digest }: { readonly digest: string }) => {
      const [found] = await newestFirst({
        Owners: ['self'],
        Filters: [
          { Name: `tag:${VERIFIED_TAG}`, Values: [digest] },
          { Name: 'state', Values: ['available'] },
        ],
      });
      return found && { id: given(found.ImageId, 'ImageId'), name: found.Name ?? '' };
    }),

    /** The newest image of an id or name. By name only of owners that are trusted: anybody may publish under any name. */
    'image.source': asActivity(
      'look for the source image',
      async ({
        image,
        owners = ['self', 'amazon'],
      }: {
        readonly image: string;
        readonly owners?: readonly string[];
      }): Promise<SourceImage> => {
        const [found] = await newestFirst(
          image.startsWith('ami-')
            ? { ImageIds: [image] }
            : { Owners: [...owners], Filters: [{ Name: 'name', Values: [image] }] },
        );
        if (!found) {
          throw new ZonewrightError(
            'CloudRefused',
            `Cannot find source image "${image}": expected the id of an AMI, or a name of one owned by ${owners.join(' or ')}`,
          );
        }
        return {
          id: given(found.ImageId, 'ImageId'),
          name: found.Name ?? '',
          ownerId: found.OwnerId ?? '',
          architecture: found.Architecture ?? 'x86_64',
          createdAt: found.CreationDate ?? '',
        };
      },
    ),
  };
};
