/** An IPv4 range: the number of its first address, and how many leading bits are fixed. */
export interface Cidr {
  readonly first: number;
  readonly prefix: number;
}

const TEXT = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/;

/** @throws {RangeError} unless the text is `a.b.c.d/n` with nothing set behind the prefix */
export function parseCidr(text: string): Cidr {
  const parts = TEXT.exec(text)?.slice(1);
  if (parts?.[4] === undefined) throw new RangeError(`Cannot read "${text}" as an IPv4 range`);
  const prefix = Number(parts[4]);
  const first = parseAddress(parts.slice(0, 4).join('.'));
  if (prefix > 32) throw new RangeError(`Cannot read "${text}": a prefix has at most 32 bits`);
  const cidr = { first: networkOf(first, prefix), prefix };
  if (cidr.first !== first) {
    throw new RangeError(`Cannot read "${text}": the range begins at "${formatCidr(cidr)}"`);
  }
  return cidr;
}

/** @throws {RangeError} unless the text is an IPv4 address */
export function parseAddress(text: string): number {
  const parts = TEXT.exec(text)?.slice(1);
  const octets = parts?.slice(0, 4).map(Number) ?? [];
  if (octets.length !== 4 || parts?.[4] !== undefined || octets.some((octet) => octet > 255)) {
    throw new RangeError(`Cannot read "${text}" as an IPv4 address`);
  }
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

export const formatAddress = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');

export const formatCidr = ({ first, prefix }: Cidr): string => `${formatAddress(first)}/${prefix}`;

export const sizeOf = ({ prefix }: Cidr): number => 2 ** (32 - prefix);

const networkOf = (address: number, prefix: number): number => {
  const size = 2 ** (32 - prefix);
  return Math.floor(address / size) * size;
};

export const overlaps = (a: Cidr, b: Cidr): boolean =>
  a.first < b.first + sizeOf(b) && b.first < a.first + sizeOf(a);

export const contains = (outer: Cidr, inner: Cidr): boolean =>
  outer.prefix <= inner.prefix && networkOf(inner.first, outer.prefix) === outer.first;

/**
 * The `index`th of the equal parts of a range that are `bits` bits longer.
 *
 * @throws {RangeError} when there are not so many
 */
export function partOf(range: Cidr, bits: number, index: number): Cidr {
  const prefix = range.prefix + bits;
  if (bits < 0 || prefix > 32 || !Number.isInteger(index) || index < 0 || index >= 2 ** bits) {
    throw new RangeError(`Cannot take part ${index} of "${formatCidr(range)}" in parts of /${prefix}`);
  }
  return { first: range.first + index * 2 ** (32 - prefix), prefix };
}

/**
 * The `index`th address of a range, counted from its network address.
 *
 * @throws {RangeError} when the range has not so many
 */
export function addressOf(range: Cidr, index: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= sizeOf(range)) {
    throw new RangeError(`Cannot take address ${index} of "${formatCidr(range)}"`);
  }
  return range.first + index;
}
