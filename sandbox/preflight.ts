/** What must hold before the sandbox starts anything. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SandboxError } from './errors.ts';

const GIB = 2 ** 30;
const NEEDED_GIB = 3;
const ELSEWHERE = 'run "docker compose up sandbox-ui" or use real accounts instead';

export interface Computer {
  readonly platform: string;
  readonly uid: number | undefined;
  /** Bytes that can be written below the sandbox's home. */
  readonly freeBytes: number;
}

export async function thisComputer(home: string): Promise<Computer> {
  let folder = home;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  return { platform: process.platform, uid: process.getuid?.(), freeBytes: bavail * bsize };
}

/** @throws {SandboxError} */
export function checkComputer({ platform, uid, freeBytes }: Computer, home: string): void {
  if (platform !== 'linux') {
    throw new SandboxError(
      'not-linux',
      `Cannot start the sandbox on "${platform}": expected Linux; ${ELSEWHERE}`,
    );
  }
  if (uid !== 0) {
    throw new SandboxError(
      'not-root',
      `Cannot start the sandbox as user ${uid}: expected root; ${ELSEWHERE}`,
    );
  }
  if (freeBytes < NEEDED_GIB * GIB) {
    const free = (freeBytes / GIB).toFixed(1);
    throw new SandboxError(
      'no-space',
      `Cannot start the sandbox in "${home}": ${free} GiB free, expected ${NEEDED_GIB}`,
    );
  }
}
