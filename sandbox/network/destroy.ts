/** Takes a sandbox's network away by the names it uses, so that it also works after a run that was killed. */
import { readdir } from 'node:fs/promises';
import { run } from './commands.ts';
import { NETNS_FOLDER, computerLink, sandboxPrefix } from './names.ts';
import { LINK_GROUP, TABLE } from './plan.ts';

/** Removes every namespace, link, route and rule of the sandbox with this index. Succeeds on nothing. */
export async function destroyNetwork(index: number): Promise<void> {
  const names = await namespacesOf(index);
  const commands = [
    `ip link del ${computerLink(index)}`,
    `nft delete table ip ${TABLE}-${index}`,
    // A namespace lives on while a process or socket holds it; without its links it reaches nothing.
    ...names.map((name) => `ip -n ${name} link del group ${LINK_GROUP}; ip netns del ${name}`),
  ];
  await run('sh', ['-s'], { input: `${commands.join('\n')}\n`, lenient: true });
}

/** Names of the namespaces that a sandbox has on this computer now. */
export async function namespacesOf(index: number): Promise<readonly string[]> {
  try {
    return (await readdir(NETNS_FOLDER)).filter((name) => name.startsWith(sandboxPrefix(index)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
