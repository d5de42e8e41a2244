/**
 * Contexts hold connections, as in kubectl: where Temporal is, which AWS account and region, the zone store, the
 * environment. Each is a file `<home>/contexts/<name>.yaml`; `sandbox` is built in and read from the running sandbox.
 *
 * `ZONEWRIGHT_CONTEXT` wins over `zonewright context use`, which wins over a sandbox that is up.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { InvalidInput } from '../domain/errors.ts';
import { parse } from '../domain/parse.ts';
import { TEMPORAL_SERVICE_ADDRESS } from '../sandbox/network/model.ts';
import { readState } from '../sandbox/state.ts';
import { ClientError, EXIT } from './errors.ts';

const hostAndPort = z
  .string()
  .regex(/^(\[[\da-f:]+\]|[\w.-]+):\d+$/i, 'host:port, e.g. "temporal.example.com:7233"');
const file = z.string().min(1, 'path of a PEM file');

export const contextSchema = z.strictObject({
  temporal: z.strictObject({
    address: hostAndPort,
    namespace: z.string().min(1),
    /** Temporal as machines of a zone reach it; absent where it is the same. */
    fromMachines: hostAndPort.exactOptional(),
    /** Files are read when the connection is made; `{}` means TLS with the system's authorities. */
    tls: z
      .strictObject({ serverName: z.string(), caFile: file, certFile: file, keyFile: file })
      .partial()
      .exactOptional(),
  }),
  aws: z.strictObject({
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'an AWS region, e.g. "eu-central-1"'),
    profile: z.string().min(1).exactOptional(),
    endpoint: z.url('a URL, e.g. "https://aws.example.com"').exactOptional(),
  }),
  store: z.strictObject({ bucket: z.string().min(3, 'the name of an S3 bucket') }),
  environment: z.strictObject({ name: z.string().min(1), domain: z.string().min(1) }),
  /** The AMI, by id or name, that recipes start from which name none. */
  sourceImage: z.string().min(3).exactOptional(),
  /** Name servers to ask about delegation, where the computer's own resolver cannot see them. */
  dns: z.strictObject({ resolvers: z.array(z.ipv4()).min(1) }).exactOptional(),
});

export type ContextFile = z.output<typeof contextSchema>;

export interface ZonewrightContext extends ContextFile {
  readonly name: string;
  /** Credentials exist in the built-in sandbox only; other contexts name a profile or rely on the machine's role. */
  readonly aws: ContextFile['aws'] & {
    readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
}

export const SANDBOX = 'sandbox';

/** Folder of a person's contexts; `ZONEWRIGHT_HOME` moves it. */
export const configHome = (): string =>
  process.env['ZONEWRIGHT_HOME'] ??
  join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'zonewright');

const contextsFolder = (): string => join(configHome(), 'contexts');
const currentFile = (): string => join(configHome(), 'current-context');

/** Names of all contexts there are, the built-in one included while a sandbox is up. */
export function contextNames(): string[] {
  const folder = contextsFolder();
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.yaml')) : [];
  const names = files.map((name) => basename(name, '.yaml')).filter((name) => name !== SANDBOX);
  return (readState() === undefined ? names : [...names, SANDBOX]).toSorted();
}

/** Name of the context that commands use, or undefined where there is none to use. */
export function currentContextName(): string | undefined {
  const chosen = process.env['ZONEWRIGHT_CONTEXT'] || readCurrent();
  return chosen ?? (readState() === undefined ? undefined : SANDBOX);
}

function readCurrent(): string | undefined {
  if (!existsSync(currentFile())) return undefined;
  return readFileSync(currentFile(), 'utf8').trim() || undefined;
}

/** Remembers the context to use from now on. */
export function useContext(name: string): void {
  loadContext(name);
  mkdirSync(configHome(), { recursive: true });
  const draft = `${currentFile()}.${process.pid}`;
  writeFileSync(draft, `${name}\n`);
  renameSync(draft, currentFile());
}

/**
 * The context of this name, or the current one.
 *
 * @throws {ClientError} when there is none, or none of this name
 * @throws {InvalidInput} when its file is wrong
 */
export function loadContext(name: string | undefined = currentContextName()): ZonewrightContext {
  if (name === undefined) {
    throw new ClientError(
      EXIT.usage,
      'Cannot tell which context to use: none is chosen and no sandbox is up',
      {
        expectation: '"zonewright sandbox up", or a context file and "zonewright context use <name>"',
      },
    );
  }
  return name === SANDBOX ? sandboxContext() : fileContext(name);
}

function sandboxContext(): ZonewrightContext {
  const state = readState();
  if (state === undefined) {
    throw new ClientError(EXIT.usage, 'Cannot use context "sandbox": no sandbox is up', {
      expectation: 'run "zonewright sandbox up" first',
    });
  }
  const { accessKeyId, secretAccessKey } = state;
  return {
    name: SANDBOX,
    temporal: {
      address: state.temporalAddress,
      namespace: state.namespace,
      fromMachines: `${TEMPORAL_SERVICE_ADDRESS}:7233`,
    },
    aws: { region: state.region, endpoint: state.awsEndpoint, credentials: { accessKeyId, secretAccessKey } },
    store: { bucket: state.bucket },
    environment: { name: state.namespace, domain: state.environmentDomain },
    sourceImage: state.sourceImageName,
    dns: { resolvers: [state.addresses.resolver] },
  };
}

function fileContext(name: string): ZonewrightContext {
  const path = join(contextsFolder(), `${name}.yaml`);
  if (!/^[\w.-]+$/.test(name) || !existsSync(path)) {
    const known = contextNames();
    throw new ClientError(EXIT.usage, `Cannot use context "${name}": there is none of this name`, {
      expectation:
        known.length > 0 ? `one of ${known.join(', ')}` : `a file "${name}.yaml" in "${contextsFolder()}"`,
    });
  }
  return { name, ...parse(contextSchema, readYaml(path), `context "${name}" (${path})`) };
}

function readYaml(path: string): unknown {
  try {
    return parseYaml(readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const line = error.linePos?.[0].line ?? 1;
    throw new InvalidInput(`"${path}"`, [{ path: `line ${line}`, value: error.code, expected: 'YAML' }], {
      cause: error,
    });
  }
}
