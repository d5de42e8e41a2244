/** Session tokens of IMDSv2: bound to one instance, valid for as long as the caller asked, known to this process only. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Six hours, as on EC2. */
export const MAX_TTL_SECONDS = 21_600;

export class SessionTokens {
  /** A token of an earlier process is refused, and clients ask for a new one, as they must at expiry. */
  readonly #key = randomBytes(32);
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  issue(instanceId: string, ttlSeconds: number): string {
    const expiry = Buffer.alloc(8);
    expiry.writeBigUInt64BE(BigInt(this.#now() + ttlSeconds * 1000));
    return Buffer.concat([expiry, this.#seal(expiry, instanceId)]).toString('base64url');
  }

  valid(token: string, instanceId: string): boolean {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== 40) return false;
    const expiry = bytes.subarray(0, 8);
    return (
      timingSafeEqual(bytes.subarray(8), this.#seal(expiry, instanceId)) &&
      expiry.readBigUInt64BE() > this.#now()
    );
  }

  #seal(expiry: Buffer, instanceId: string): Buffer {
    return createHmac('sha256', this.#key).update(expiry).update(instanceId).digest();
  }
}
