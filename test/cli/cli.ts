/** Runs the command line as a person does: a process with arguments, an exit code and two streams. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const root = join(import.meta.dirname, '../..');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** `zonewright <args>` without a terminal and without stdin. */
export function zonewright(args: readonly string[], { env = {} }: CliOptions = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const main = join(root, 'clients/cli/main.ts');
    const child = spawn(process.execPath, [main, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Environment of a person who has no contexts and no sandbox; its folder goes when the test ends. */
export function freshPerson(t: TestContext): {
  readonly folder: string;
  readonly env: Record<string, string>;
} {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const env = {
    ZONEWRIGHT_HOME: join(folder, 'config'),
    ZONEWRIGHT_SANDBOX_HOME: join(folder, 'sandbox'),
    ZONEWRIGHT_CONTEXT: '',
  };
  return { folder, env };
}
