/**
 * Makes of bytes that a parser takes others that it nearly takes, by chance that comes again with its seed:
 * bits and bytes changed, pieces cut out, doubled, put in from another input or from the words of the
 * grammar, digits and nesting that go on for long.
 */
import type { SeededRandom } from './seeded-random.js';

/** What a mutation may draw from. */
export interface Stock {
  /** Inputs that are taken, at least one. */
  readonly corpus: readonly Buffer[];
  readonly words: readonly Buffer[];
}

type Mutation = (bytes: Buffer, stock: Stock, random: SeededRandom) => Buffer;

/** One input of so many is left as it is; of the others one of so many is changed once more, and so on. */
const WHOLE_ONE_OF = 6;
const AGAIN_ONE_OF = 3;
const PIECE_MAX = 32;
const NESTING_MAX = 300;
/** Bytes that mean something in JSON or msgpack, or in neither. */
// biome-ignore format: a list of bytes
const TELLING = [
  0x00, 0x09, 0x0a, 0x1e, 0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x3a, 0x5b, 0x5c, 0x5d, 0x65, 0x7b, 0x7d,
  0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcc,
  0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xed, 0xf4, 0xff,
];
const MARKS = [...Buffer.from('{[,:')];
const OPENERS = [
  Buffer.from('['),
  Buffer.from('{"a":'),
  Buffer.of(0x91),
  Buffer.of(0x81, 0xa1, 0x61),
];

const MUTATIONS: readonly Mutation[] = [
  (bytes, _, random) => changed(bytes, random, (byte) => byte ^ (1 << whole(random, 8))),
  (bytes, _, random) => changed(bytes, random, () => oneOf(TELLING, random)),
  (bytes, _, random) => changed(bytes, random, () => whole(random, 256)),
  (bytes, _, random) => {
    const [from, to] = piece(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (bytes, _, random) => putIn(bytes, bytes.subarray(...piece(bytes, random)), random),
  (bytes, { words }, random) => putIn(bytes, oneOf(words, random), random),
  (bytes, { words }, random) => putBehindMark(bytes, oneOf(words, random), random),
  (bytes, { words }, random) => putBehindMark(bytes, oneOf(words, random), random),
  (bytes, { corpus }, random) => {
    const other = oneOf(corpus, random);
    return putBehindMark(bytes, other.subarray(...piece(other, random)), random);
  },
  (bytes, { corpus }, random) => {
    const other = oneOf(corpus, random);
    return putIn(bytes, other.subarray(...piece(other, random)), random);
  },
  (bytes, { words }, random) => {
    const [from, to] = piece(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), oneOf(words, random), bytes.subarray(to)]);
  },
  (bytes, _, random) => bytes.subarray(0, whole(random, bytes.length + 1)),
  (bytes, { corpus, words }, random) =>
    Buffer.concat([bytes, oneOf(words, random), oneOf(corpus, random)]),
  (bytes, _, random) => putIn(bytes, repeated(oneOf(OPENERS, random), NESTING_MAX, random), random),
  (bytes, _, random) => putIn(bytes, repeated(Buffer.from('9'), NESTING_MAX, random), random),
];

export function mutated(stock: Stock, random: SeededRandom): Buffer {
  let bytes = oneOf(stock.corpus, random);
  if (whole(random, WHOLE_ONE_OF) === 0) return bytes;
  do bytes = oneOf(MUTATIONS, random)(bytes, stock, random);
  while (whole(random, AGAIN_ONE_OF) === 0);
  return bytes;
}

/** From 0 to `below` - 1. */
export function whole(random: SeededRandom, below: number): number {
  return Math.floor(random.next() * below);
}

export function oneOf<T>(items: readonly T[], random: SeededRandom): T {
  const item = items[whole(random, items.length)];
  if (item === undefined) throw new Error('there is nothing to draw from');
  return item;
}

function piece(bytes: Buffer, random: SeededRandom): [from: number, to: number] {
  const from = whole(random, bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + whole(random, PIECE_MAX))];
}

function putIn(bytes: Buffer, more: Buffer, random: SeededRandom): Buffer {
  const at = whole(random, bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
}

/** Behind a brace, a bracket, a comma or a colon, where a piece of the grammar may stand. */
function putBehindMark(bytes: Buffer, more: Buffer, random: SeededRandom): Buffer {
  const marks = [...bytes.keys()].filter((at) => MARKS.includes(bytes[at] ?? 0));
  if (marks.length === 0) return putIn(bytes, more, random);
  const at = oneOf(marks, random) + 1;
  return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
}

function changed(bytes: Buffer, random: SeededRandom, to: (byte: number) => number): Buffer {
  if (bytes.length === 0) return bytes;
  const copy = Buffer.from(bytes);
  const at = whole(random, copy.length);
  copy[at] = to(copy[at] ?? 0);
  return copy;
}

function repeated(bytes: Buffer, timesMax: number, random: SeededRandom): Buffer {
  return Buffer.concat(new Array<Buffer>(1 + whole(random, timesMax)).fill(bytes));
}
