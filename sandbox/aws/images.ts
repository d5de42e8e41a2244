/**
 * Images and snapshots of the sandbox: ordered layers of folders, written down so that they outlive the sandbox's
 * run. The emulator knows nothing of them.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export type Tags = Record<string, string>;

export interface StoredSnapshot {
  readonly id: string;
  readonly ownerId: string;
  readonly volumeId: string;
  readonly startTime: string;
  readonly description: string;
  /** Uppermost first: names of folders beside the store's file, or whole paths. Empty: holds no system. */
  readonly layers: readonly string[];
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  tags: Tags;
  readonly completeAt: number;
}

export interface StoredImage {
  readonly id: string;
  readonly ownerId: string;
  readonly name: string;
  readonly description: string;
  readonly creationDate: string;
  readonly architecture: string;
  readonly rootDeviceName: string;
  readonly snapshotId: string;
  readonly layers: readonly string[];
  readonly encrypted: boolean;
  readonly sourceInstanceId?: string;
  readonly sourceImageId?: string;
  readonly public: boolean;
  imdsSupport?: string;
  launchPermissions?: string[];
  tags: Tags;
  readonly availableAt: number;
}

interface Contents {
  images: StoredImage[];
  snapshots: StoredSnapshot[];
}

/** Owner of the image that recipes start from: Debian's account. */
export const SOURCE_OWNER = '136693071363';
export const ROOT_DEVICE = '/dev/xvda';
export const ROOT_GIB = '8';

export const newId = (prefix: string): string => `${prefix}${randomBytes(9).toString('hex').slice(0, 17)}`;

export class ImageStore {
  readonly #folder: string;
  readonly #file: string;
  readonly #contents: Contents;
  readonly #arriving = new Set<string>();

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    this.#file = join(folder, 'images.json');
    this.#contents = readContents(this.#file);
  }

  get images(): readonly StoredImage[] {
    return this.#contents.images;
  }

  get snapshots(): readonly StoredSnapshot[] {
    return this.#contents.snapshots;
  }

  image(id: string): StoredImage | undefined {
    return this.images.find((image) => image.id === id);
  }

  snapshot(id: string): StoredSnapshot | undefined {
    return this.snapshots.find((snapshot) => snapshot.id === id);
  }

  /** Whole paths of the layers, uppermost first. */
  layerPaths(layers: readonly string[]): string[] {
    return layers.map((layer) => resolve(this.#folder, layer));
  }

  /** A name for a layer that is about to be captured, and where it shall lie. It is safe until settled. */
  newLayer(): { readonly name: string; readonly path: string; settle(): void } {
    const name = newId('layer-');
    this.#arriving.add(name);
    return { name, path: join(this.#folder, name), settle: () => void this.#arriving.delete(name) };
  }

  /**
   * Makes the image that recipes start from. Its id follows from name and folder, so that it is the same after
   * every start of the sandbox.
   */
  registerSource(name: string, folder: string): StoredImage {
    const hash = createHash('sha256').update(`${name}\n${folder}`).digest('hex');
    const id = `ami-${hash.slice(0, 17)}`;
    const known = this.image(id);
    if (known !== undefined) return known;
    const common = { ownerId: SOURCE_OWNER, layers: [folder], encrypted: false };
    const snapshotId = `snap-${hash.slice(17, 34)}`;
    const now = new Date().toISOString();
    const outdated = this.images.filter((image) => image.ownerId === SOURCE_OWNER && image.name === name);
    for (const image of outdated) this.#forget(image);
    const facts = { description: 'Source image of the sandbox', tags: {} };
    this.#contents.snapshots.push({
      ...common,
      ...facts,
      id: snapshotId,
      volumeId: 'vol-ffffffff',
      startTime: now,
      completeAt: 0,
    });
    const kind = { architecture: 'x86_64', rootDeviceName: ROOT_DEVICE, public: true };
    const image = { ...common, ...facts, ...kind, id, name, creationDate: now, snapshotId, availableAt: 0 };
    this.#contents.images.push(image);
    this.save();
    return image;
  }

  addImage(image: StoredImage): void {
    this.#contents.images.push(image);
    this.save();
  }

  addSnapshot(snapshot: StoredSnapshot): void {
    this.#contents.snapshots.push(snapshot);
    this.save();
  }

  removeImage(id: string): void {
    this.#contents.images = this.images.filter((image) => image.id !== id);
    this.save();
  }

  removeSnapshot(id: string): void {
    this.#contents.snapshots = this.snapshots.filter((snapshot) => snapshot.id !== id);
    this.save();
  }

  /** Writes down what was changed. */
  save(): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#contents, undefined, 1));
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** Removes layers that no image, no snapshot and none of these instances' disks stand on. */
  async removeUnused(inUse: Iterable<string>): Promise<void> {
    const needed = new Set([...inUse, ...this.#arriving]);
    for (const { layers } of [...this.images, ...this.snapshots])
      for (const layer of layers) needed.add(layer);
    for (const name of readdirSync(this.#folder)) {
      if (!name.startsWith('layer-') || needed.has(name)) continue;
      await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }

  #forget(image: StoredImage): void {
    this.#contents.images = this.images.filter((each) => each !== image);
    this.#contents.snapshots = this.snapshots.filter((each) => each.id !== image.snapshotId);
  }
}

function readContents(file: string): Contents {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Contents;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { images: [], snapshots: [] };
    throw new Error(`Cannot read the images in "${file}": expected JSON`, { cause: error });
  }
}
