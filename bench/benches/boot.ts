import { readFileSync } from 'node:fs';
import type { EC2Client } from '@aws-sdk/client-ec2';
import { diskOf } from '../../sandbox/machines/disk.ts';
import { sandboxHome } from '../../sandbox/state.ts';
import { bareBoot } from '../bare-boot.ts';
import type { Bench } from '../benches.ts';
import { withSandbox } from '../home.ts';
import { ec2Of, makeGround, runInstance, stateOf, terminate, until, type Ground } from '../launch.ts';
import { Measurements } from '../measurement.ts';

const BASELINE = 'bare systemd-nspawn to multi-user';
const LIMIT_MS = 120_000;
const USER_DATA = '#cloud-config\nwrite_files: [{ path: /etc/bench, content: bench }]\n';

/** What a machine prints as it gets there. */
const MARKS = { 'multi-user': 'Reached target multi-user.target', 'cloud-init done': 'finished at' } as const;

export const boot: Bench = {
  name: 'boot',
  what: 'A machine of the source image, from the call of RunInstances on: real cloud-init over IMDSv2, a router and security groups; beside the same image in a bare `systemd-nspawn` without cloud-init or network.',
  run: ({ repeat, say }) =>
    withSandbox(
      async (state) => {
        const figures = new Measurements();
        const ec2 = ec2Of(state);
        const ground = await makeGround(ec2, state);
        for (let round = 1; round <= repeat; round++) {
          figures.add(BASELINE, await bareBoot(LIMIT_MS), { unit: 's' });
          await bootOnce(ec2, ground, figures);
          say(`${round} of ${repeat}`);
        }
        ec2.destroy();
        return figures.all();
      },
      { workers: [] },
    ),
};

async function bootOnce(ec2: EC2Client, ground: Ground, figures: Measurements): Promise<void> {
  const began = performance.now();
  const note = (name: string): void =>
    figures.add(name, (performance.now() - began) / 1000, { unit: 's', baseline: BASELINE });
  const id = await runInstance(ec2, ground, USER_DATA);
  note('RunInstances answered');
  const { console } = diskOf(sandboxHome(), id);
  const says = (text: string) => (): Promise<boolean> => Promise.resolve(textOf(console).includes(text));
  await until(`${id} to run`, LIMIT_MS, async () => (await stateOf(ec2, id)) === 'running');
  note('state running');
  await until(`multi-user on ${id}`, LIMIT_MS, says(MARKS['multi-user']));
  note('multi-user');
  await until(`cloud-init on ${id}`, LIMIT_MS, says(MARKS['cloud-init done']));
  note('cloud-init done');
  await figures.time('terminate, to state terminated', () => terminate(ec2, id), { baseline: BASELINE });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not begun yet
  }
}
