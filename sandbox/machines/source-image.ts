/** Builds the layer of the sandbox's source AMI from Debian's base system. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from '../network/commands.ts';
import { MachineError } from './errors.ts';
import {
  DISABLED_UNITS,
  MASKED_UNITS,
  SOURCE_IMAGE_LINKS,
  SOURCE_IMAGE_VERSION,
  sourceImageFiles,
} from './source-image-files.ts';
import type { SourceImageServices } from './source-image-files.ts';

export interface SourceImageOptions extends SourceImageServices {
  /** A pristine mmdebstrap archive. */
  readonly baseRootTar: string;
}

/**
 * The source image in a cache, built on the first call. Its folder is named by the content it was made from, and is
 * complete once it exists: it is filled under another name, also when two runs do so at once.
 */
export async function obtainSourceImage(
  options: SourceImageOptions & { readonly cache: string },
): Promise<string> {
  const parent = join(options.cache, 'source-image');
  const folder = join(parent, await sourceImageHash(options));
  if (existsSync(folder)) return folder;
  await mkdir(parent, { recursive: true });
  const fresh = await mkdtemp(join(parent, '.building-'));
  try {
    await buildSourceImage({ ...options, folder: join(fresh, 'root') });
    await rename(join(fresh, 'root'), folder);
  } catch (error) {
    // Another run was quicker; its image is the same.
    if (!existsSync(folder)) throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return folder;
}

/** Unpacks the base system into a new folder and makes it the sandbox's source image. */
export async function buildSourceImage(
  options: SourceImageOptions & { readonly folder: string },
): Promise<void> {
  const { baseRootTar, folder } = options;
  await mkdir(folder, { mode: 0o755 });
  await run('tar', ['-xf', baseRootTar, '-C', folder, '--numeric-owner', '--xattrs', '--xattrs-include=*']);
  for (const file of sourceImageFiles(options)) await putFile(folder, file.path, file.text, file.mode);
  for (const [path, target] of Object.entries(SOURCE_IMAGE_LINKS)) await putLink(folder, path, target);
  for (const unit of MASKED_UNITS) await putLink(folder, `etc/systemd/system/${unit}`, '/dev/null');
  for (const unit of DISABLED_UNITS)
    await rm(join(folder, 'etc/systemd/system/multi-user.target.wants', unit), { force: true });
  await believeInFirmware(folder);
  await forgetOrigin(folder);
}

async function sourceImageHash(options: SourceImageOptions): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(options.baseRootTar, { highWaterMark: 1 << 20 }), hash, { end: false });
  const recipe = [
    SOURCE_IMAGE_VERSION,
    sourceImageFiles(options),
    SOURCE_IMAGE_LINKS,
    MASKED_UNITS,
    DISABLED_UNITS,
  ];
  hash.update(JSON.stringify(recipe));
  return hash.digest('hex').slice(0, 16);
}

async function putFile(folder: string, path: string, text: string, mode = 0o644): Promise<void> {
  const target = join(folder, path);
  await mkdir(dirname(target), { recursive: true });
  // The base system may have a link of this name, which must not be followed out of the folder.
  await rm(target, { force: true });
  await writeFile(target, text);
  await chmod(target, mode);
}

async function putLink(folder: string, path: string, target: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await rm(join(folder, path), { force: true });
  await symlink(target, join(folder, path));
}

/** cloud-init asks no firmware inside a container; here it asks the one that this image brings along. */
async function believeInFirmware(folder: string): Promise<void> {
  const path = join(folder, 'usr/lib/python3/dist-packages/cloudinit/dmi.py');
  const text = await readFile(path, 'utf8');
  const changed = text.replace(
    /( +)if is_container\(\):\n +return None\n/,
    '$1if is_container():\n$1    return _call_dmidecode(key, "/usr/local/sbin/dmidecode")\n',
  );
  if (changed === text) {
    throw new MachineError(
      `Cannot make cloud-init ask for firmware in "${path}": expected its check for containers`,
    );
  }
  await writeFile(path, changed);
  await compilePython(folder, path);
}

/** Without it, every machine of the sandbox would compile the changed file at each of its boots. */
async function compilePython(folder: string, path: string): Promise<void> {
  await run('chroot', [folder, 'python3', '-m', 'py_compile', path.slice(folder.length)]);
}

/** What must not be the same on two machines, or speaks of the computer that made the archive. */
async function forgetOrigin(folder: string): Promise<void> {
  const ssh = join(folder, 'etc/ssh');
  const keys = existsSync(ssh) ? (await readdir(ssh)).filter((name) => name.startsWith('ssh_host_')) : [];
  const stale = [
    ...keys.map((name) => `etc/ssh/${name}`),
    'var/lib/dbus/machine-id',
    'var/lib/systemd/random-seed',
    'var/lib/cloud',
  ];
  for (const path of stale) await rm(join(folder, path), { recursive: true, force: true });
  for (const name of await readdir(join(folder, 'dev')))
    await rm(join(folder, 'dev', name), { recursive: true, force: true });
}
