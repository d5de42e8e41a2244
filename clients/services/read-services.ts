import { InvalidInput } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { imageName } from '../../domain/services/attributes.ts';
import { servicesSchema, type ServiceSpec, type ServicesSpec } from '../../domain/services/spec.ts';
import { nearestWord } from '../../domain/spelling.ts';
import { readYamlFile } from '../yaml-file.ts';

/**
 * Reads `services.yml`.
 *
 * @throws {InvalidInput} naming file, path, value and what was expected
 */
export const readServices = async (path: string): Promise<ServicesSpec> =>
  parse(servicesSchema, await readYamlFile(path, 'the services'), path);

/**
 * The same service with other images.
 *
 * @param images each `<image>` for a service of one container, or `<container>=<image>`
 * @throws {InvalidInput} when a container is meant that the service does not have, or the name of an image is malformed
 */
export function withImages(service: string, spec: ServiceSpec, images: readonly string[]): ServiceSpec {
  const names = spec.containers.map(({ name }) => name);
  const chosen = new Map(images.map((given) => choose(service, names, given)));
  const containers = spec.containers.map((one) => ({ ...one, image: chosen.get(one.name) ?? one.image }));
  return { ...spec, containers };
}

function choose(
  service: string,
  names: readonly string[],
  given: string,
): [container: string, image: string] {
  const [first = '', second] = given.split('=', 2);
  const [container, image] = second === undefined ? [names[0] ?? '', first] : [first, second];
  const refuse = (value: string, expected: string): InvalidInput =>
    new InvalidInput(`the image of "${service}"`, [{ path: '--image', value, expected }]);
  if (second === undefined && names.length !== 1)
    throw refuse(given, `<container>=<image>, of the containers ${names.join(', ')}`);
  if (!names.includes(container)) {
    const nearest = nearestWord(container, names);
    throw refuse(
      container,
      nearest === undefined ? `a container: ${names.join(', ')}` : `did you mean "${nearest}"?`,
    );
  }
  const read = imageName.safeParse(image);
  if (!read.success) throw refuse(image, read.error.issues[0]?.message ?? 'the name of a container image');
  return [container, read.data];
}
