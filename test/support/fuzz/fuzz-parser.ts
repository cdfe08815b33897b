/** What a fuzzed parser is. */
import type { ErrorCode } from '../../../src/core/errors.js';

/** What an input was refused with; none: it was taken. */
export type Codes = readonly ErrorCode[];

export interface FuzzParser {
  /** Inputs that it takes, for the most part: the same for the same seed. */
  corpus(seed: number): Buffer[];
  /** Pieces of its grammar. */
  readonly words: readonly Buffer[];
  /** Makes of an input one that comes further, such as by a checksum that is right. */
  readonly repaired?: (input: Buffer) => Buffer;
  /** Throws for whatever must not be. */
  take(input: Buffer): Codes | Promise<Codes>;
  close?(): void;
}
