/** What must never be in a history, by name. */
const SECRETS: Readonly<Record<string, RegExp>> = {
  'private key': /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/,
  'AWS access key': /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  'AWS secret key': /secret_?access_?key["'\s:=]+[A-Za-z0-9/+]{40}/i,
  'bearer token': /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+/,
  'bootstrap token': /\b[a-z0-9]{6}\.[a-z0-9]{16}\b/,
};

/** Kinds of secrets in a history's JSON and where they are; payloads are looked into. */
export function secretsIn(value: unknown, path = ''): string[] {
  if (typeof value === 'string') {
    const texts = path.endsWith('.data') ? [value, Buffer.from(value, 'base64').toString()] : [value];
    return Object.entries(SECRETS)
      .filter(([, pattern]) => texts.some((text) => pattern.test(text)))
      .map(([kind]) => `${kind} at ${path.slice(1)}`);
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => secretsIn(item, `${path}.${key}`));
}
