/** Tokens as a fuzzed parser: those that nodes make, sealed with a secret and the digest of an API key. */
import assert from 'node:assert/strict';
import { digestOf } from '../../../src/core/api-key.js';
import { isOwnToken, isSealed, isToken, makeToken, readToken } from '../../../src/core/token.js';
import { asTenant } from '../../../src/core/topic-key.js';
import { whole } from './fuzz-mutations.js';
import type { FuzzParser } from './fuzz-parser.js';
import { SeededRandom } from './seeded-random.js';

const TOKENS = 64;
const SEALED_BY = { secret: Buffer.alloc(32, 7), digest: digestOf('a key') };

function tokensOf(seed: number): string[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: TOKENS }, (_, n) => {
    const claims = {
      key: 'DEFAULT_API_KEY',
      tenant: asTenant('acme'),
      verbs: ['publish'] as const,
    };
    const topics = whole(random, 2) === 0 ? null : ['a', 'b.*'];
    const expiresAtMs = whole(random, 2 ** 31) * 1_000;
    return makeToken({ ...claims, topics, subject: `user-${n}`, expiresAtMs }, SEALED_BY);
  });
}

export function tokenParser(): FuzzParser {
  const made = new Set<string>();
  return {
    corpus: (seed) => {
      for (const text of tokensOf(seed)) made.add(text);
      return [...made].map((text) => Buffer.from(text));
    },
    words: ['cdtt_', '.', '=', '_', '-', '\0', ' ', 'eyJhbGciOiJub25lIn0', 'e30', 'bnVsbA'].map(
      (word) => Buffer.from(word, 'latin1'),
    ),
    take: (input) => {
      const text = input.toString('latin1');
      const read = isToken(text) && isOwnToken(text) ? readToken(text) : null;
      const isGood = read !== null && isSealed(read, SEALED_BY);
      assert.equal(isGood, made.has(text), 'whoever made it');
      return isGood ? [] : ['unauthorized'];
    },
  };
}
