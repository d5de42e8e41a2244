/** DNS messages, as far as delegation checks need them: RFC 1035, 3596. Node's resolver hides authority sections. */
export const RECORD_TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28 } as const;
export type RecordType = keyof typeof RECORD_TYPES;

export interface DnsAnswerRecord {
  /** In lower case, without the last dot. */
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  /** Addresses as text, names without the last dot, texts joined; hexadecimal for other types. */
  readonly value: string;
}

export interface DnsMessage {
  readonly id: number;
  readonly isTruncated: boolean;
  readonly isAuthoritative: boolean;
  /** 0 no error, 3 no such name. */
  readonly code: number;
  readonly answers: readonly DnsAnswerRecord[];
  readonly authority: readonly DnsAnswerRecord[];
  readonly additional: readonly DnsAnswerRecord[];
}

/** A query for one name and type. */
export function encodeQuery(id: number, name: string, type: RecordType, recursive: boolean): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(recursive ? 0x0100 : 0, 2);
  header.writeUInt16BE(1, 4);
  const labels = name.split('.').flatMap((label) => {
    const bytes = Buffer.from(label, 'ascii');
    if (bytes.length === 0 || bytes.length > 63)
      throw new RangeError(`Cannot ask for name "${name}": expected labels of 1 to 63 characters`);
    return [Buffer.from([bytes.length]), bytes];
  });
  const end = Buffer.from([0, 0, RECORD_TYPES[type], 0, 1]);
  return Buffer.concat([header, ...labels, end]);
}

/** @throws {RangeError} when the bytes are no DNS message */
export function decodeMessage(bytes: Buffer): DnsMessage {
  const flags = bytes.readUInt16BE(2);
  const counts = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
  let at = 12;
  for (let n = 0; n < (counts[0] ?? 0); n++) at = readName(bytes, at).end + 4;
  const sections = counts.slice(1).map((count) => {
    const records: DnsAnswerRecord[] = [];
    for (let n = 0; n < count; n++) {
      const { record, end } = readRecord(bytes, at);
      records.push(record);
      at = end;
    }
    return records;
  });
  return {
    id: bytes.readUInt16BE(0),
    isTruncated: (flags & 0x0200) !== 0,
    isAuthoritative: (flags & 0x0400) !== 0,
    code: flags & 0x000f,
    answers: sections[0] ?? [],
    authority: sections[1] ?? [],
    additional: sections[2] ?? [],
  };
}

function readRecord(bytes: Buffer, start: number): { record: DnsAnswerRecord; end: number } {
  const { name, end: at } = readName(bytes, start);
  const type = bytes.readUInt16BE(at);
  const ttl = bytes.readUInt32BE(at + 4);
  const data = at + 10;
  const end = data + bytes.readUInt16BE(at + 8);
  if (end > bytes.length) throw new RangeError('Cannot read DNS message: a record ends after it');
  return { record: { name, type, ttl, value: valueOf(bytes, type, data, end) }, end };
}

function valueOf(bytes: Buffer, type: number, start: number, end: number): string {
  const data = bytes.subarray(start, end);
  switch (type) {
    case RECORD_TYPES.A:
      return [...data].join('.');
    case RECORD_TYPES.AAAA:
      return Array.from({ length: 8 }, (_, n) => data.readUInt16BE(n * 2).toString(16)).join(':');
    case RECORD_TYPES.NS:
    case RECORD_TYPES.CNAME:
      return readName(bytes, start).name;
    case RECORD_TYPES.TXT: {
      const texts: string[] = [];
      for (let at = 0; at < data.length; at += 1 + (data[at] ?? 0))
        texts.push(data.subarray(at + 1, at + 1 + (data[at] ?? 0)).toString('utf8'));
      return texts.join('');
    }
    default:
      return data.toString('hex');
  }
}

/** A name may end in a pointer to an earlier one; each pointer must point further back, so that it ends. */
function readName(bytes: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  let limit = start;
  for (;;) {
    const length = bytes.readUInt8(at);
    if (length >= 0xc0) {
      end ??= at + 2;
      at = bytes.readUInt16BE(at) & 0x3fff;
      if (at >= limit) throw new RangeError('Cannot read DNS message: a name points ahead');
      limit = at;
    } else if (length === 0) {
      return { name: labels.join('.').toLowerCase(), end: end ?? at + 1 };
    } else {
      labels.push(bytes.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
  }
}
