/** The words of the toolchain: what a tool is, where it may come from, what it reports while it is obtained. */

export interface Progress {
  readonly tool: string;
  /** What is happening now, e.g. `building with go`. */
  readonly message: string;
  /** Since this tool was asked for. */
  readonly elapsedMs: number;
}

export interface ObtainOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** How to ask a command on PATH for its version, and whether that version will do. */
export interface PathProbe {
  readonly command: string;
  readonly args: readonly string[];
  /** Its first group is the version. */
  readonly pattern: RegExp;
  readonly accepts: (version: string) => boolean;
}

/** One file of an official release, with the checksum that its publisher gives. */
export interface Download {
  readonly url: string;
  readonly sha256: string;
  /** Where it goes inside the parcel; an archive names the members to take out of it instead. */
  readonly to: string | { readonly members: Readonly<Record<string, string>> };
}

/** What a recipe may use. */
export interface Kitchen {
  readonly signal: AbortSignal | undefined;
  say(message: string): void;
  /** Path of another tool, obtained first where necessary. */
  need(name: string): Promise<string>;
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Said while it runs; the command line otherwise. */
  readonly message?: string;
}

/** A folder of files that are made together and cached by the hash of what decides their contents. */
export interface Parcel {
  readonly name: string;
  readonly version: string;
  /** True where making it keeps every core busy. */
  readonly compiled?: boolean;
  /** Obtains what the ingredients ask for; called before a parcel is made. */
  readonly prepare?: (kitchen: Kitchen) => Promise<void>;
  /** Everything that decides the contents: lock files, flags, versions of what it is built with. */
  ingredients(kitchen: Kitchen): Promise<readonly string[]>;
  /** Tried first, all of them or none. Empty where no checksum is known from its publisher. */
  readonly downloads: readonly Download[];
  /** Builds from the registry into `folder`, verified by a checksum database or lock file. */
  make(folder: string, kitchen: Kitchen): Promise<void>;
}

export type Source =
  | { readonly kind: 'parcel'; readonly parcel: Parcel; readonly file: string }
  /** Packages of the computer's own Debian; `file` is what they bring. */
  | { readonly kind: 'debian'; readonly packages: readonly string[]; readonly file: string }
  /** Comes with something else that is installed already. */
  | { readonly kind: 'present'; readonly locate: () => string | undefined };

export interface Tool {
  readonly name: string;
  readonly version: string;
  readonly onPath?: PathProbe;
  readonly source: Source;
  /** Command that a person can run where the tool cannot be obtained. */
  readonly install: string;
}

/** A tool that cannot be had; the message says how to install it by hand. */
export class ToolUnavailableError extends Error {
  override readonly name = 'ToolUnavailableError';
  readonly exitCode = 2;
  readonly tool: string;

  constructor(tool: Tool, reason: string, cause?: unknown) {
    const sentence = `Cannot obtain "${tool.name}" ${tool.version}: ${reason}; install it with: ${tool.install}`;
    super(sentence, cause === undefined ? undefined : { cause });
    this.tool = tool.name;
  }
}

/** A file whose SHA-256 is not the pinned one; nothing of it is kept. */
export class ChecksumError extends Error {
  override readonly name = 'ChecksumError';
}
