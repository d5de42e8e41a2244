/** Takes the sandbox down and forgets the images that were baked in it, too. */
import { existsSync, rmSync } from 'node:fs';
import { down, type DownOptions } from './down.ts';
import { imagesFolder, sandboxHome } from './state.ts';

/** @returns whether there was anything to remove */
export async function reset({ home = sandboxHome(), ...options }: DownOptions = {}): Promise<boolean> {
  const taken = await down({ home, ...options });
  if (!existsSync(home)) return taken;
  const hadImages = existsSync(imagesFolder(home));
  rmSync(home, { recursive: true });
  return taken || hadImages;
}
