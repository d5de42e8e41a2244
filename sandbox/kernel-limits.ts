/** What the kernel allows the computer as a whole, and many machines side by side use up. */
import { readFileSync, writeFileSync } from 'node:fs';

/** The usual 128 are used up by a dozen machines; then no kubelet starts: "inotify_init: too many open files". */
const WANTED: Readonly<Record<string, number>> = { 'fs/inotify/max_user_instances': 8_192 };

/** Raises limits that are lower than wanted, until the next boot. Where that is not allowed they stay as they are. */
export function raiseKernelLimits(folder = '/proc/sys'): void {
  for (const [name, wanted] of Object.entries(WANTED)) {
    try {
      const path = `${folder}/${name}`;
      if (Number(readFileSync(path, 'utf8')) < wanted) writeFileSync(path, String(wanted));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS' && code !== 'ENOENT') throw error;
    }
  }
}
