import { Sha256 } from '@aws-crypto/sha256-js';

/** JSON with sorted keys and without undefined: equal data, equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : item,
  );
}

/** SHA-256 in lower-case hexadecimal. In plain JavaScript, since workflows run without Node's crypto. */
export function sha256Hex(text: string): string {
  const hash = new Sha256();
  hash.update(text);
  return Array.from(hash.digestSync(), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
