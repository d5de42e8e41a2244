/** What a machine wrote to its console since its last boot. */
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Disk } from './disk.ts';

/** EC2 keeps this much of a console. */
const CONSOLE_BYTES = 64 * 1024;

/** The end of the console; empty before the first boot. */
export async function readConsole(disk: Disk): Promise<string> {
  if (!existsSync(disk.console)) return '';
  await using file = await open(disk.console);
  const { size } = await file.stat();
  const start = Math.max(0, size - CONSOLE_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
  return buffer.toString('utf8', 0, bytesRead);
}
