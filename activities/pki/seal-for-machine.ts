import { constants, createCipheriv, publicEncrypt, randomBytes } from 'node:crypto';
import type { SealedForMachine } from '../../domain/machine-config.ts';
import { publicKeyOf } from './sign-request.ts';

/**
 * Seals a text for the one machine that holds the key of a signing request: AES-256-GCM under a key that RSA-OAEP
 * wraps. Whoever reads the zone store reads nothing.
 *
 * @param purpose what the text is; opened for another purpose it does not open
 * @throws {ZonewrightError} of type `MachineFailed` when the request is unreadable or its key weak
 */
export function sealForMachine(csrPem: string, purpose: string, text: string): SealedForMachine {
  const key = randomBytes(32);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(purpose));
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  const wrapped = publicEncrypt(
    { key: publicKeyOf(csrPem, purpose), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    key,
  );
  key.fill(0);
  return {
    wrappedKey: wrapped.toString('base64'),
    nonce: nonce.toString('base64'),
    authTag: cipher.getAuthTag().toString('base64'),
    ciphertext: ciphertext.toString('base64'),
  };
}
