/**
 * Which S3 operation a request is, and what a policy must allow for it.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
import type { IncomingHttpHeaders } from 'node:http';
import { parseXml } from './xml.ts';

export interface S3Operation {
  /** Name of the API operation, as logs and faults know it. */
  readonly name: string;
  readonly bucket: string;
  readonly key: string;
  /** What a policy must allow, each on its resource. */
  readonly needs: ReadonlyArray<{ readonly action: string; readonly resource: string }>;
}

/** Sub-resources of a bucket: query name → operation's noun and, where it differs, the action's. */
const BUCKET_NOUNS: Readonly<Record<string, readonly [string, string?]>> = {
  lifecycle: ['BucketLifecycleConfiguration', 'LifecycleConfiguration'],
  publicAccessBlock: ['PublicAccessBlock', 'BucketPublicAccessBlock'],
  encryption: ['BucketEncryption', 'EncryptionConfiguration'],
  versioning: ['BucketVersioning'],
  tagging: ['BucketTagging'],
  policy: ['BucketPolicy'],
  acl: ['BucketAcl'],
  cors: ['BucketCors'],
  location: ['BucketLocation'],
  ownershipControls: ['BucketOwnershipControls'],
  'object-lock': ['ObjectLockConfiguration', 'BucketObjectLockConfiguration'],
};

const OBJECT_NOUNS: Readonly<Record<string, string>> = {
  tagging: 'ObjectTagging',
  acl: 'ObjectAcl',
  retention: 'ObjectRetention',
  'legal-hold': 'ObjectLegalHold',
  attributes: 'ObjectAttributes',
};

const VERBS: Readonly<Record<string, string>> = {
  GET: 'Get',
  HEAD: 'Head',
  PUT: 'Put',
  DELETE: 'Delete',
  POST: 'Post',
};

export function s3Operation(
  method: string,
  path: string,
  query: URLSearchParams,
  headers: IncomingHttpHeaders,
): S3Operation {
  const [bucket = '', ...rest] = path.replace(/^\//, '').split('/').map(decodeURIComponent);
  const key = rest.join('/');
  if (bucket === '') return operation('ListBuckets', bucket, key, ['s3:ListAllMyBuckets', '*']);
  if (key === '') return bucketOperation(method, bucket, query);
  return objectOperation(method, bucket, key, query, headers);
}

function bucketOperation(method: string, bucket: string, query: URLSearchParams): S3Operation {
  const arn = `arn:aws:s3:::${bucket}`;
  const verb = VERBS[method] ?? method;
  for (const [name, [noun, actionNoun = noun]] of Object.entries(BUCKET_NOUNS)) {
    if (!query.has(name)) continue;
    // Policies know no action of their own for taking most settings away.
    const actionVerb = verb === 'Delete' && noun !== 'BucketPolicy' ? 'Put' : verb;
    return operation(`${verb}${noun}`, bucket, '', [`s3:${actionVerb}${actionNoun}`, arn]);
  }
  if (method === 'PUT') return operation('CreateBucket', bucket, '', ['s3:CreateBucket', arn]);
  if (method === 'DELETE') return operation('DeleteBucket', bucket, '', ['s3:DeleteBucket', arn]);
  if (method === 'HEAD') return operation('HeadBucket', bucket, '', ['s3:ListBucket', arn]);
  if (method === 'POST' && query.has('delete')) return operation('DeleteObjects', bucket, '');
  if (query.has('uploads')) {
    return operation('ListMultipartUploads', bucket, '', ['s3:ListBucketMultipartUploads', arn]);
  }
  if (query.has('versions'))
    return operation('ListObjectVersions', bucket, '', ['s3:ListBucketVersions', arn]);
  const name = query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
  return operation(name, bucket, '', ['s3:ListBucket', arn]);
}

function objectOperation(
  method: string,
  bucket: string,
  key: string,
  query: URLSearchParams,
  headers: IncomingHttpHeaders,
): S3Operation {
  const arn = `arn:aws:s3:::${bucket}/${key}`;
  const verb = VERBS[method] ?? method;
  const version = query.has('versionId') ? 'Version' : '';
  for (const [name, noun] of Object.entries(OBJECT_NOUNS)) {
    if (query.has(name))
      return operation(`${verb}${noun}`, bucket, key, [
        `s3:${verb}${noun.replace('Object', `Object${version}`)}`,
        arn,
      ]);
  }
  const copy = copyNeeds(headers['x-amz-copy-source']);
  const on = (name: string, action: string, ...more: Array<[string, string]>): S3Operation =>
    operation(name, bucket, key, [action, arn], ...more);
  if (query.has('uploadId')) return uploadOperation(method, on, copy);
  if (method === 'POST' && query.has('uploads')) return on('CreateMultipartUpload', 's3:PutObject');
  if (method === 'PUT') return on(copy.length > 0 ? 'CopyObject' : 'PutObject', 's3:PutObject', ...copy);
  if (method === 'DELETE') return on('DeleteObject', `s3:DeleteObject${version}`);
  return on(method === 'HEAD' ? 'HeadObject' : 'GetObject', `s3:GetObject${version}`);
}

function uploadOperation(
  method: string,
  on: (name: string, action: string, ...more: Array<[string, string]>) => S3Operation,
  copy: Array<[string, string]>,
): S3Operation {
  if (method === 'POST') return on('CompleteMultipartUpload', 's3:PutObject');
  if (method === 'PUT') return on(copy.length > 0 ? 'UploadPartCopy' : 'UploadPart', 's3:PutObject', ...copy);
  if (method === 'DELETE') return on('AbortMultipartUpload', 's3:AbortMultipartUpload');
  return on('ListParts', 's3:ListMultipartUploadParts');
}

/** What is copied must be readable. */
function copyNeeds(source: string | string[] | undefined): Array<[string, string]> {
  if (typeof source !== 'string') return [];
  const [path = '', query = ''] = source.replace(/^\//, '').split('?');
  const action = query.includes('versionId=') ? 's3:GetObjectVersion' : 's3:GetObject';
  return [[action, `arn:aws:s3:::${decodeURIComponent(path)}`]];
}

function operation(
  name: string,
  bucket: string,
  key: string,
  ...needs: Array<[string, string]>
): S3Operation {
  return { name, bucket, key, needs: needs.map(([action, resource]) => ({ action, resource })) };
}

/** What a policy's conditions may look at when a bucket is listed. */
export function listContext(query: URLSearchParams): Record<string, string> {
  const context: Record<string, string> = {};
  for (const name of ['prefix', 'delimiter', 'max-keys']) {
    const value = query.get(name);
    if (value !== null) context[`s3:${name}`] = value;
  }
  // A list without a prefix asks for the empty one.
  context['s3:prefix'] ??= '';
  return context;
}

/** What the deletion of many objects at once needs: as much as of each alone. */
export function deletions(operation: S3Operation, body: Buffer): S3Operation['needs'] {
  const { Object: objects } = parseXml(body.toString()).fields;
  const list = (Array.isArray(objects) ? objects : [objects]) as Array<{ Key?: string; VersionId?: string }>;
  return list.map(({ Key = '', VersionId }) => ({
    action: VersionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion',
    resource: `arn:aws:s3:::${operation.bucket}/${Key}`,
  }));
}
