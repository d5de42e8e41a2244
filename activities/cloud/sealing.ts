import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  GenerateDataKeyCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { parse } from '../../domain/parse.ts';
import { isAlreadyThere, isNotFound } from './cloud-errors.ts';

const KEY_ALIAS = 'alias/zonewright';

const bytes = z.base64().transform((text) => Buffer.from(text, 'base64'));

/** A text under AES-256-GCM, with its data key as KMS wrapped it: only who may ask KMS can read it. */
export const sealedSchema = z.strictObject({
  algorithm: z.literal('AES-256-GCM'),
  /** The data key, encrypted by the KMS key. */
  dataKey: z.base64(),
  nonce: z.base64(),
  authTag: z.base64(),
  ciphertext: z.base64(),
});
export type Sealed = z.infer<typeof sealedSchema>;

/** Seals a text for one place: moved elsewhere it cannot be opened. */
export async function seal(
  kms: KMSClient,
  text: string,
  place: string,
  signal: AbortSignal,
): Promise<Sealed> {
  const { Plaintext, CiphertextBlob } = await dataKey(kms, place, signal);
  const key = Buffer.from(Plaintext ?? []);
  try {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(Buffer.from(place));
    const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return {
      algorithm: 'AES-256-GCM',
      dataKey: Buffer.from(CiphertextBlob ?? []).toString('base64'),
      nonce: nonce.toString('base64'),
      authTag: cipher.getAuthTag().toString('base64'),
      ciphertext: ciphertext.toString('base64'),
    };
  } finally {
    key.fill(0);
  }
}

/** Opens what `seal` sealed for the same place. */
export async function unseal(
  kms: KMSClient,
  sealed: unknown,
  place: string,
  signal: AbortSignal,
): Promise<string> {
  const parts = parse(sealedSchema, sealed, `the sealed text of "${place}"`);
  const command = new DecryptCommand({
    CiphertextBlob: bytes.parse(parts.dataKey),
    EncryptionContext: { place },
  });
  const { Plaintext } = await kms.send(command, { abortSignal: signal });
  const key = Buffer.from(Plaintext ?? []);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.parse(parts.nonce));
    decipher.setAAD(Buffer.from(place));
    decipher.setAuthTag(bytes.parse(parts.authTag));
    return Buffer.concat([decipher.update(bytes.parse(parts.ciphertext)), decipher.final()]).toString('utf8');
  } finally {
    key.fill(0);
  }
}

/** A new data key under the account's key, which is made at first use. */
async function dataKey(kms: KMSClient, place: string, signal: AbortSignal) {
  const generate = () => {
    const command = new GenerateDataKeyCommand({
      KeyId: KEY_ALIAS,
      KeySpec: 'AES_256',
      EncryptionContext: { place },
    });
    return kms.send(command, { abortSignal: signal });
  };
  try {
    return await generate();
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await createKey(kms, signal);
    return generate();
  }
}

async function createKey(kms: KMSClient, signal: AbortSignal): Promise<void> {
  const create = new CreateKeyCommand({
    Description: 'Seals the keys of zone authorities',
    Tags: [{ TagKey: 'zonewright:purpose', TagValue: 'authorities' }],
  });
  const { KeyMetadata } = await kms.send(create, { abortSignal: signal });
  const alias = new CreateAliasCommand({ AliasName: KEY_ALIAS, TargetKeyId: KeyMetadata?.KeyId });
  try {
    await kms.send(alias, { abortSignal: signal });
  } catch (error) {
    // Another worker was first: its key has the alias, this one stays unused.
    if (!isAlreadyThere(error)) throw error;
  }
}
