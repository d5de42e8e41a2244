import type { ProofCheck, ProofRecord, SnapshotRecord, StateHash } from './backup.ts';

/** What a scratch etcd said after the snapshot was restored into it; `because` where it could not say. */
export interface RestoredState {
  readonly revision: string;
  readonly nonce: { readonly value: string; readonly revision: string } | undefined;
  readonly keys: string | { readonly because: string };
  readonly hash: StateHash | { readonly because: string };
}

/** How far a proof came: every stage needs the one before. */
export interface ProofEvidence {
  /** Of what was fetched; absent where S3 has no such version. */
  readonly object?: { readonly sha256: string; readonly bytes: number };
  /** Why etcdutl did not restore it or etcd did not start on it. */
  readonly refused?: string;
  readonly restored?: RestoredState;
}

/** Compares what a backup says of itself with what came out of it. Pure: the same evidence, the same checks. */
export function checksOf(record: SnapshotRecord, { object, refused, restored }: ProofEvidence): ProofCheck[] {
  if (object === undefined) {
    const text = `version ${record.versionId} of "${record.key}" is not there`;
    return [{ check: 'object', outcome: 'differs', text }];
  }
  const checks = [
    compared('size', object.bytes, record.bytes),
    compared('SHA-256', object.sha256, record.sha256),
  ];
  if (refused !== undefined) checks.push({ check: 'restore', outcome: 'differs', text: refused });
  if (restored !== undefined) checks.push(...stateChecks(record, restored));
  return checks;
}

function stateChecks(record: SnapshotRecord, { revision, nonce, keys, hash }: RestoredState): ProofCheck[] {
  const { nonce: written, lastRevision } = record;
  return [
    revisionCheck(revision, written.revision, lastRevision),
    nonce === undefined
      ? { check: 'nonce', outcome: 'differs', text: `"${written.key}" is not in it` }
      : compared(
          'nonce',
          `${nonce.value} at revision ${nonce.revision}`,
          `${written.value} at revision ${written.revision}`,
        ),
    typeof keys === 'string'
      ? compared(`keys at revision ${written.revision}`, keys, record.keys)
      : uncompared('keys', keys.because),
    hashCheck(record, hash),
  ];
}

function revisionCheck(revision: string, atLeast: string, atMost: string): ProofCheck {
  const inside = BigInt(revision) >= BigInt(atLeast) && BigInt(revision) <= BigInt(atMost);
  const range = atLeast === atMost ? atLeast : `${atLeast} to ${atMost}`;
  return {
    check: 'revision',
    outcome: inside ? 'same' : 'differs',
    text: inside ? `${revision}, expected ${range}` : `it is ${revision}, expected ${range}`,
  };
}

/** Hashes tell states apart only where the same was compacted away. */
function hashCheck({ hashes, nonce }: SnapshotRecord, hash: RestoredState['hash']): ProofCheck {
  if ('because' in hash) return uncompared('HashKV', hash.because);
  const at = `at revision ${nonce.revision}, compacted to ${hash.compactRevision}`;
  const wanted = hashes.find(({ compactRevision }) => compactRevision === hash.compactRevision);
  if (wanted === undefined) {
    const taken = hashes.map(({ compactRevision }) => compactRevision).join(' and ') || 'no';
    return uncompared('HashKV', `it is ${at}; the source's were taken at compaction revision ${taken}`);
  }
  return compared(`HashKV ${at}`, hash.hash, wanted.hash);
}

const compared = (check: string, actual: string | number, expected: string | number): ProofCheck =>
  actual === expected
    ? { check, outcome: 'same', text: String(actual) }
    : { check, outcome: 'differs', text: `it is ${actual}, expected ${expected}` };

const uncompared = (check: string, because: string): ProofCheck => ({
  check,
  outcome: 'not compared',
  text: because,
});

/** A backup is proven when it was restored, its nonce was found, and nothing differs. */
export const verdictOf = (checks: readonly ProofCheck[]): ProofRecord['verdict'] =>
  checks.some(({ check, outcome }) => check === 'nonce' && outcome === 'same') &&
  checks.every(({ outcome }) => outcome !== 'differs')
    ? 'proven'
    : 'not proven';

/** What differs, as a person reads it. */
export const differencesOf = (checks: readonly ProofCheck[]): string =>
  checks
    .filter(({ outcome }) => outcome === 'differs')
    .map(({ check, text }) => `${check}: ${text}`)
    .join('; ');
