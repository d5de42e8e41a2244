/** Reads from the zone store: objects whole, folders page by page. */
import { GetObjectCommand, NoSuchKey, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import type { z } from 'zod';
import { parse } from '../domain/parse.ts';
import type { AwsClients } from './aws.ts';

type S3 = Pick<AwsClients, 's3'>;

/** The text of an object; `undefined` where there is none. */
export async function readText({ s3 }: S3, bucket: string, key: string): Promise<string | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return await Body?.transformToString();
  } catch (error) {
    if (error instanceof NoSuchKey) return undefined;
    throw error;
  }
}

/**
 * A JSON document; `undefined` where there is none.
 *
 * @param what it is, as an error names it: "manifest"
 * @throws {InvalidInput} when it is not what the schema says
 */
export async function readDocument<S extends z.ZodType>(
  aws: S3,
  object: { readonly bucket: string; readonly key: string },
  schema: S,
  what: string,
): Promise<z.output<S> | undefined> {
  const text = await readText(aws, object.bucket, object.key);
  return text === undefined
    ? undefined
    : parse(schema, JSON.parse(text), `${what} "${object.bucket}/${object.key}"`);
}

/** Objects below a prefix. */
export async function listObjects(
  { s3 }: S3,
  Bucket: string,
  Prefix: string,
): Promise<{ readonly key: string; readonly modifiedAt: Date }[]> {
  const objects: { key: string; modifiedAt: Date }[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, { Bucket, Prefix }))
    for (const { Key = '', LastModified = new Date(0) } of Contents)
      objects.push({ key: Key, modifiedAt: LastModified });
  return objects;
}

/** Names of the folders right below a prefix that ends with a slash. */
export async function listFolders({ s3 }: S3, Bucket: string, Prefix: string): Promise<string[]> {
  const folders: string[] = [];
  const pages = paginateListObjectsV2({ client: s3 }, { Bucket, Prefix, Delimiter: '/' });
  for await (const { CommonPrefixes = [] } of pages)
    for (const { Prefix: folder = '' } of CommonPrefixes) folders.push(folder.slice(Prefix.length, -1));
  return folders;
}
