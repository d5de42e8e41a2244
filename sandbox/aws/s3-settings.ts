/**
 * Bucket settings that the S3 server answers 501 to: the front keeps them as they were put.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AwsError } from './call.ts';

interface Setting {
  readonly missing: { readonly code: string; readonly message: string };
  /** What AWS answers where nothing was ever set. */
  readonly initial?: string;
}

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

const SETTINGS: Readonly<Record<string, Setting>> = {
  lifecycle: {
    missing: { code: 'NoSuchLifecycleConfiguration', message: 'The lifecycle configuration does not exist' },
  },
  publicAccessBlock: {
    missing: {
      code: 'NoSuchPublicAccessBlockConfiguration',
      message: 'The public access block configuration was not found',
    },
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    initial: `<PublicAccessBlockConfiguration xmlns="${NAMESPACE}"><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`,
  },
  encryption: {
    missing: {
      code: 'ServerSideEncryptionConfigurationNotFoundError',
      message: 'The server side encryption configuration was not found',
    },
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
    initial: `<ServerSideEncryptionConfiguration xmlns="${NAMESPACE}"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`,
  },
};

/** Name of the setting that this request is about, if it is one the front keeps. */
export function settingOf(key: string, query: URLSearchParams): string | undefined {
  return key === '' ? Object.keys(SETTINGS).find((name) => query.has(name)) : undefined;
}

export class BucketSettings {
  readonly #file: string;
  readonly #kept: Record<string, string | null>;

  constructor(file: string) {
    this.#file = file;
    this.#kept = readJson(file);
  }

  /** Answers a request about a setting of a bucket that exists. */
  answer(method: string, bucket: string, setting: string, body: string): { status: number; body: string } {
    const name = `${bucket}/${setting}`;
    if (method === 'PUT') {
      this.#keep(name, body);
      return { status: 200, body: '' };
    }
    if (method === 'DELETE') {
      this.#keep(name, null);
      return { status: 204, body: '' };
    }
    const { initial, missing } = SETTINGS[setting]!;
    const kept = this.#kept[name] === undefined ? (initial ?? null) : this.#kept[name];
    if (kept === null) throw new AwsError(missing.code, missing.message, 404);
    return { status: 200, body: kept };
  }

  forget(bucket: string): void {
    for (const name of Object.keys(this.#kept)) if (name.startsWith(`${bucket}/`)) delete this.#kept[name];
    this.#save();
  }

  #keep(name: string, value: string | null): void {
    this.#kept[name] = value;
    this.#save();
  }

  #save(): void {
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#kept));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function readJson(file: string): Record<string, string | null> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string | null>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
