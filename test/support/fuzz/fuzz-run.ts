/**
 * Runs a parser over inputs that are made by seed, and judges: nothing but an error with a known code,
 * nothing that another reader of the same bytes makes something else of, and no memory that grows. Each input
 * comes of the seed and its number alone, so one can be had again without those before it.
 */
import { setImmediate as turn } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { ERRORS } from '../../../src/core/errors.js';
import { mutated, type Stock, whole } from './fuzz-mutations.js';
import type { FuzzParser } from './fuzz-parser.js';
import { SeededRandom } from './seeded-random.js';

/** What is kept of inputs, or of what they led to, over three quarters of a run. */
export const GROWN_BYTES_MAX = 8 * 1024 * 1024;
const FINDINGS_MAX = 10;
const TURN_INPUTS = 4_096;
/** 2^32 divided by the golden ratio: numbers next to each other give seeds far apart. */
const SPREAD = 0x9e3779b1;

export interface Finding {
  /** Of the input. */
  n: number;
  input: string;
  what: string;
}

export interface FuzzResult {
  inputs: number;
  taken: number;
  /** How many were refused with each code. */
  refused: Map<string, number>;
  /** The first ones. */
  findings: Finding[];
  found: number;
  grownBytes: number;
  ms: number;
  slowestMs: number;
}

export interface FuzzOptions {
  seed: number;
  inputs: number;
}

export class FuzzInputs {
  readonly #stock: Stock;
  readonly #parser: FuzzParser;
  readonly #seed: number;

  constructor(parser: FuzzParser, seed: number) {
    this.#parser = parser;
    this.#seed = seed;
    this.#stock = { corpus: parser.corpus(seed), words: parser.words };
  }

  /** The same for the same seed and number. */
  input(n: number): Buffer {
    const random = new SeededRandom(this.#seed + Math.imul(n + 1, SPREAD));
    const bytes = mutated(this.#stock, random);
    const { repaired } = this.#parser;
    return repaired !== undefined && whole(random, 2) === 0 ? repaired(bytes) : bytes;
  }
}

export async function fuzz(parser: FuzzParser, { seed, inputs }: FuzzOptions): Promise<FuzzResult> {
  const made = new FuzzInputs(parser, seed);
  const refused = new Map<string, number>();
  const result: FuzzResult = {
    ...{ inputs, taken: 0, refused, findings: [], found: 0, grownBytes: 0, ms: 0, slowestMs: 0 },
  };
  const startedMs = performance.now();
  let baseBytes = 0;
  for (let n = 0; n < inputs; n++) {
    if (n === Math.floor(inputs / 4)) baseBytes = await heapBytes();
    if (n % TURN_INPUTS === 0) await turn();
    const input = made.input(n);
    const beganMs = performance.now();
    const what = await judged(parser, input, result);
    result.slowestMs = Math.max(result.slowestMs, performance.now() - beganMs);
    if (what === null) continue;
    result.found++;
    if (result.findings.length < FINDINGS_MAX) {
      result.findings.push({ n, input: input.toString('hex'), what });
    }
  }
  result.ms = performance.now() - startedMs;
  result.grownBytes = Math.max(0, (await heapBytes()) - baseBytes);
  return result;
}

/** Counts the outcome; what is wrong with it, or null. */
async function judged(
  parser: FuzzParser,
  input: Buffer,
  counts: Pick<FuzzResult, 'refused' | 'taken'>,
): Promise<string | null> {
  try {
    const codes = await parser.take(input);
    if (codes.length === 0) counts.taken++;
    for (const code of codes) counts.refused.set(code, (counts.refused.get(code) ?? 0) + 1);
    // A fault of ours is a code, too, and no refusal.
    const unknown = codes.find((code) => !Object.hasOwn(ERRORS, code) || code === 'internal');
    return unknown === undefined ? null : `refused with ${unknown}`;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

const collect = garbageCollection();

function garbageCollection(): () => void {
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc') as () => void;
}

/** After a collection; twice, since what has a finalizer goes with the second. */
async function heapBytes(): Promise<number> {
  collect();
  await turn();
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}
