/** `zonewright slack serve` as a process of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { SlackStandIn } from './stand-in.ts';

const MAIN = join(import.meta.dirname, '../../clients/cli/main.ts');
const PATIENCE_MS = 60_000;
const running = new Set<ChildProcess>();

export interface BotProcess {
  readonly child: ChildProcess;
  /** All that it has written. */
  readonly said: () => string;
}

/** Returns once it answers, or once it has ended instead. */
export async function startBot(
  slack: SlackStandIn,
  settings: Readonly<Record<string, string>>,
): Promise<BotProcess> {
  const env = { ...process.env, SLACK_API_URL: `${slack.url}/api/`, ZONEWRIGHT_SLACK_PORT: '0', ...settings };
  const child = spawn(process.execPath, [MAIN, 'slack', 'serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const deadline = Date.now() + PATIENCE_MS;
  while (!/answers on port (\d+)/.test(said) && child.exitCode === null) {
    assert.ok(Date.now() < deadline, said);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [, port] = /answers on port (\d+)/.exec(said) ?? [];
  slack.botUrl = `http://127.0.0.1:${port}`;
  return { child, said: () => said };
}

/** Those that a test has left behind. */
export function killBots(): void {
  for (const child of running) child.kill('SIGKILL');
}
