/**
 * API keys as a fuzzed parser: what an acceptor remembers of keys, before a directory that has four of them.
 */
import assert from 'node:assert/strict';
import { checkOf, digestOf } from '../../../src/core/api-key.js';
import { systemClock } from '../../../src/core/clock.js';
import { RequestError } from '../../../src/core/errors.js';
import type { FoundKey } from '../../../src/core/key-record.js';
import type { Principal } from '../../../src/core/principal.js';
import { asTenant } from '../../../src/core/topic-key.js';
import { ConfiguredKeys } from '../../../src/tenant/configured-keys.js';
import { KeyCache } from '../../../src/tenant/key-cache.js';
import { whole } from './fuzz-mutations.js';
import type { FuzzParser } from './fuzz-parser.js';
import { SeededRandom } from './seeded-random.js';

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';
const BODY_CHARS = 'cdt_'.length + 16 + '_'.length + 32;
const LIMITS = { keysCachedMax: 16, keyLookupsMax: 8, keyTtlS: 60 };
const CONFIGURED = 'cdt_a-configured-key-which-looks-like-others';
const KEYS = 4;

function keysOf(seed: number): string[] {
  const random = new SeededRandom(seed);
  const digits = (count: number): string =>
    Array.from({ length: count }, () => DIGITS[whole(random, DIGITS.length)]).join('');
  return Array.from({ length: KEYS }, () => {
    const body = `cdt_${digits(16)}_${digits(32)}`;
    return `${body}${checkOf(body)}`;
  });
}

export function apiKeyParser(): FuzzParser {
  const known = new Map<string, FoundKey>();
  const texts = new Set<string>([CONFIGURED]);
  const faults: unknown[] = [];
  const cache = new KeyCache({
    ...{ clock: systemClock, limits: LIMITS, onUsed: () => undefined, onOver: () => undefined },
    configured: new ConfiguredKeys({ defaultApiKey: CONFIGURED, adminApiKey: null }),
    find: async (ids) => ids.flatMap((id) => known.get(id) ?? []),
    onFault: (error) => void faults.push(error),
  });
  const add = (text: string): void => {
    const [, id = ''] = text.split('_');
    const right = { tenant: asTenant('acme'), scopes: ['publish'], topics: null } as const;
    const digest = digestOf(text).toString('hex');
    known.set(id, { ...right, id, digest, expiresAtMs: null, leftMs: null });
    texts.add(text);
  };
  return {
    corpus: (seed) => {
      for (const text of keysOf(seed)) add(text);
      return [...texts].map((text) => Buffer.from(text));
    },
    words: ['cdt_', '_', 'Bearer ', '\0', '\r\n', 'ä', ' ', '0'.repeat(32)].map((word) =>
      Buffer.from(word, 'latin1'),
    ),
    repaired: (input) => {
      const body = input.toString('latin1').slice(0, BODY_CHARS);
      return Buffer.from(`${body}${checkOf(body)}`, 'latin1');
    },
    take: async (input) => {
      const text = input.toString('latin1');
      const outcome =
        cache.known(text) ??
        (await new Promise<Principal | RequestError>((resolve) => cache.admit(text, resolve)));
      assert.deepEqual(faults, []);
      assert.equal(!(outcome instanceof RequestError), texts.has(text), 'whoever knows the key');
      return outcome instanceof RequestError ? [outcome.code] : [];
    },
    close: () => cache.close(),
  };
}
