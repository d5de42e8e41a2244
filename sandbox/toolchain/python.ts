/** Installs from PyPI by a committed lock file with hashes; pip refuses everything else. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from './debian.ts';
import type { Kitchen } from './tool.ts';

const MINIMUM = [3, 10] as const;

export const lockFile = (name: string): string => join(import.meta.dirname, 'python', `${name}.txt`);
export const readLock = (name: string): string => readFileSync(lockFile(name), 'utf8');

export interface Python {
  readonly executable: string;
  /** Wheels differ by minor version. */
  readonly version: string;
}

/** The interpreter itself, not a version manager's wrapper. */
export async function findPython(kitchen: Kitchen): Promise<Python | undefined> {
  const script = 'import sys; print(sys.executable, *sys.version_info[:2])';
  for (const command of ['python3', '/usr/bin/python3']) {
    const answer = await kitchen.run(command, ['-c', script]).catch(() => undefined);
    const [executable, major, minor] = answer?.trim().split(' ') ?? [];
    if (executable && Number(major) === MINIMUM[0] && Number(minor) >= MINIMUM[1]) {
      return { executable, version: `${major}.${minor}` };
    }
  }
  return undefined;
}

/** The same, installed from Debian where there is none. */
export async function needPython(kitchen: Kitchen): Promise<Python> {
  const present = await findPython(kitchen);
  if (present) return present;
  await installPackages(['python3-venv'], kitchen);
  const installed = await findPython(kitchen);
  if (!installed) throw new Error(`no Python ${MINIMUM.join('.')} or later was found`);
  return installed;
}

/** Installs the lock file's packages into `folder`, which may be moved afterwards. */
export async function installLocked(
  lock: string,
  folder: string,
  python: Python,
  kitchen: Kitchen,
): Promise<void> {
  const environment = `${folder}.venv`;
  const message = `installing ${lock} from PyPI`;
  try {
    await makeEnvironment(python, environment, kitchen);
    await kitchen.run(
      join(environment, 'bin', 'pip'),
      [
        'install',
        '--quiet',
        '--no-input',
        '--no-deps',
        '--require-hashes',
        '--target',
        folder,
        '-r',
        lockFile(lock),
      ],
      { message },
    );
  } finally {
    rmSync(environment, { recursive: true, force: true });
  }
}

/** Debian ships Python without what a virtual environment needs. */
async function makeEnvironment(python: Python, folder: string, kitchen: Kitchen): Promise<void> {
  const make = () => kitchen.run(python.executable, ['-m', 'venv', folder]);
  try {
    await make();
  } catch {
    await installPackages(['python3-venv'], kitchen);
    rmSync(folder, { recursive: true, force: true });
    await make();
  }
}
