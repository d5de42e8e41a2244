/** What `npm start` shows of a zone: each command as a person would type it, under load where it matters. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { startLoad } from '../../sandbox/load/load.ts';
import type { Load, LoadReport } from '../../sandbox/load/load.ts';
import { together } from '../../sandbox/load/together.ts';
import { EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { duration } from './output.ts';
import type { Output } from './output.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');
const SERVICES = join(EXAMPLES, 'services.yml');
const REQUESTS_PER_SECOND = 200;

/** Runs a command line; its result goes to `output`. */
export type RunCommand = (output: Output, args: readonly string[]) => Promise<ExitCode>;

export interface Story {
  readonly zone: string;
  readonly domain: string;
  /** Elastic IP of the first border: where the world asks. */
  readonly border: string;
}

/** What came of the commands, by their names; what failed ends the story. */
export interface StoryEnd {
  readonly code: ExitCode;
  readonly results: Readonly<Record<string, unknown>>;
  readonly load?: LoadReport;
}

interface Chapter {
  readonly title: string;
  readonly args: readonly string[];
  /** Whether the service is asked meanwhile. */
  readonly loaded?: boolean;
}

/** @param home where the second version of the services is written to */
function chapters({ zone }: Story, home: string): readonly Chapter[] {
  const here = (path: string) => relative(process.cwd(), path);
  return [
    {
      title: 'A service of five instances, reached through the border',
      args: ['service', 'apply', here(SERVICES), '--zone', zone, '--soak', '1s', '--yes'],
    },
    {
      title: `Its next version, while ${REQUESTS_PER_SECOND} requests a second are asked of it`,
      args: ['service', 'roll', zone, 'web', '--file', secondVersion(home), '--soak', '1s', '--yes'],
      loaded: true,
    },
    { title: 'A backup of etcd, proven by restoring it', args: ['etcd', 'backup', zone] },
    { title: 'One more worker', args: ['node', 'join', zone, '--yes'] },
    {
      title: 'One worker less: what runs on it moves, and is still asked',
      args: ['node', 'remove', zone, 'worker-0', '--yes'],
      loaded: true,
    },
  ];
}

/** The same services with another answer. */
function secondVersion(home: string): string {
  mkdirSync(home, { recursive: true });
  const path = join(home, 'services-v2.yml');
  writeFileSync(path, readFileSync(SERVICES, 'utf8').replaceAll('web v1', 'web v2'));
  return path;
}

export async function tellStory(
  output: Output,
  story: Story,
  { home, run }: { readonly home: string; readonly run: RunCommand },
): Promise<StoryEnd> {
  const results: Record<string, unknown> = {};
  const reports: LoadReport[] = [];
  let code: ExitCode = EXIT.done;
  for (const { title, args, loaded } of chapters(story, home)) {
    output.progress(`\n── ${title}\n$ npx zonewright ${args.join(' ')}`);
    const name = args.slice(0, 2).join(' ');
    const heard = { ...output, result: keep(output, results, name) };
    const load = loaded === true ? ask(story) : undefined;
    const began = performance.now();
    code = await run(heard, args);
    output.progress(`  ${name}: ${duration(performance.now() - began)}`);
    if (load !== undefined) reports.push(await tell(output, load));
    if (code === EXIT.done && (reports.at(-1)?.failed ?? 0) > 0) code = EXIT.failed;
    if (code !== EXIT.done) break;
  }
  const load = together(reports);
  return { code, results, ...(load === undefined ? {} : { load }) };
}

/** The results are parts of one document; what they say as text is progress here. */
const keep =
  (output: Output, results: Record<string, unknown>, name: string): Output['result'] =>
  (document, text) => {
    results[name] = document;
    output.progress(text);
  };

const ask = ({ border, domain }: Story): Load =>
  startLoad({
    url: `http://${border}/`,
    host: `web.${domain}`,
    rate: REQUESTS_PER_SECOND,
    keepAlive: true,
  });

async function tell(output: Output, load: Load): Promise<LoadReport> {
  const report = await load.stop();
  const { sent, failed, errors, answers, latency } = report;
  output.progress(
    `  ${sent} requests, ${failed} failed${failed > 0 ? ` (${counts(errors)})` : ''}; answered by ${counts(byVersion(answers))}; p50 ${latency.p50} ms, p99 ${latency.p99} ms`,
  );
  return report;
}

const counts = (all: Readonly<Record<string, number>>): string =>
  Object.entries(all)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ');

/** Of `web v1 web-3`, what its version says. */
function byVersion(answers: Readonly<Record<string, number>>): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [answer, count] of Object.entries(answers)) {
    const version = answer.split(' ').slice(0, 2).join(' ');
    sum[version] = (sum[version] ?? 0) + count;
  }
  return sum;
}

/** Where to look and what to try; the last words of `npm start`. */
export function whatNext({ zone, domain, border }: Story, temporalUi: string): string {
  return [
    '',
    `${domain} is up. Try:`,
    `  curl http://${border}/web                      the service, from this computer`,
    `  ${temporalUi}   every operation, its steps and what it waits for`,
    `  npx zonewright op list --all                  the same here; op show <id>, op explain <id>`,
    `  npx zonewright node list ${zone}               its machines`,
    `  npx zonewright etcd backups ${zone}            its backups and whether they are proven`,
    `  npx zonewright etcd backup ${zone} --every 1h  a schedule`,
    `  npx zonewright zone destroy ${zone}            and the proof that nothing is left`,
    `  npx zonewright sandbox down                   everything away but images`,
  ].join('\n');
}

/** @throws {Error} when the manifest of an active zone has no border with an address */
export function storyOf({ zone, domain, made }: Pick<ZoneManifest, 'zone' | 'domain' | 'made'>): Story {
  const association = made.find(({ kind }) => kind === 'elastic-ip-association');
  const allocation = (association?.plan as { allocationId?: string } | undefined)?.allocationId;
  const ip = made.find(({ kind, ref }) => kind === 'elastic-ip' && ref?.id === allocation)?.ref?.['publicIp'];
  if (typeof ip !== 'string') throw new Error(`Cannot find the border of "${domain}" in its manifest`);
  return { zone, domain, border: ip };
}
