import { constants, createDecipheriv, privateDecrypt } from 'node:crypto';
import type { SealedForMachine } from '../../domain/machine-config.ts';

/** Opens what was sealed for this machine. @throws {Error} when it was sealed for another key or purpose */
export function openSealed(sealed: SealedForMachine, purpose: string, keyPem: string): string {
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64');
  try {
    const key = privateDecrypt(
      { key: keyPem, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
      bytes(sealed.wrappedKey),
    );
    const decipher = createDecipheriv('aes-256-gcm', key, bytes(sealed.nonce));
    decipher.setAAD(Buffer.from(purpose));
    decipher.setAuthTag(bytes(sealed.authTag));
    return Buffer.concat([decipher.update(bytes(sealed.ciphertext)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new Error(`Cannot open "${purpose}": it was not sealed for this machine`, { cause });
  }
}
