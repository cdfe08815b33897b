/**
 * Comparisons of secrets as an attacker meets them: with one that is right up to its last characters, and
 * with one that is wrong from the first. What must take the same time for both, and what is known not to.
 */
import { checkOf, digestOf, isSameDigest, makeApiKey } from '../../../src/core/api-key.js';
import { systemClock } from '../../../src/core/clock.js';
import { RequestError } from '../../../src/core/errors.js';
import { asTenant } from '../../../src/core/topic-key.js';
import { ConfiguredKeys } from '../../../src/tenant/configured-keys.js';
import { KeyCache } from '../../../src/tenant/key-cache.js';
import { oneOf } from '../fuzz/fuzz-mutations.js';
import type { SeededRandom } from '../fuzz/seeded-random.js';
import type { Compared } from './welch.js';

/** Guesses of each kind, used in turn: so that none is the same text again. */
const GUESSES = 1_024;
const DIGITS = [...'0123456789abcdefghjkmnpqrstvwxyz'];
const HEAD_CHARS = 'cdt_'.length + 16 + '_'.length;
const SECRET_CHARS = 32;
/** What is left of the secret to guess. */
const MISSING = 3;
const LIMITS = { keysCachedMax: 16, keyLookupsMax: 8, keyTtlS: 3_600 };

export interface SecretComparison extends Compared {
  close(): void;
}

/** By what is compared. */
export const COMPARISONS: Readonly<
  Record<string, (random: SeededRandom) => Promise<SecretComparison>>
> = {
  'digests of 32 bytes': async (random) => {
    const known = digestOf('the secret');
    const make = (right: number): Buffer => nearly(known, right, random);
    return compared(make, [31, 0], (guessed) => isSameDigest(known, guessed));
  },
  'an API key, from its text to its refusal': async (random) => {
    const { text, id } = makeApiKey();
    const cache = await cacheOf(id, text);
    const make = (right: number): string => guess(text, right, random);
    const show = (shown: string): boolean => {
      let isTaken = true;
      cache.admit(shown, (outcome) => {
        isTaken = !(outcome instanceof RequestError);
      });
      return isTaken;
    };
    const right = [SECRET_CHARS - MISSING, 0] as const;
    return { ...compared(make, right, show), close: () => cache.close() };
  },
  'a configured key of any form': async (random) => {
    const known = 'configured-by-the-operator-0123456789';
    const keys = new ConfiguredKeys({ defaultApiKey: known, adminApiKey: 'another' });
    const make = (right: number): string => {
      const rest = Array.from({ length: known.length - right }, () => oneOf(DIGITS, random));
      return `${known.slice(0, right)}${rest.join('')}`;
    };
    const right = [known.length - MISSING, 0] as const;
    return compared(make, right, (shown) => keys.find(digestOf(shown)));
  },
};

/** Byte by byte, to the first that differs: what the instrument has to find. */
export function leakyComparison(random: SeededRandom, times: number): SecretComparison {
  const known = digestOf('the secret');
  const make = (right: number): Buffer => nearly(known, right, random);
  return compared(make, [31, 0], (shown) => {
    let same = 0;
    for (let n = 0; n < times; n++) if (isSameUntil(known, shown)) same++;
    return same;
  });
}

function isSameUntil(known: Buffer, shown: Buffer): boolean {
  for (let at = 0; at < known.length; at++) if (known[at] !== shown[at]) return false;
  return true;
}

/** Close together in memory, one of each kind in turn. */
function compared<T>(
  make: (right: number) => T,
  [near, far]: readonly [number, number],
  act: (guess: T) => unknown,
): SecretComparison {
  const one: T[] = [];
  const other: T[] = [];
  for (let n = 0; n < GUESSES; n++) {
    one.push(make(near));
    other.push(make(far));
  }
  return { one, other, act: (guess) => act(guess as T), close: () => undefined };
}

/** The same up to there, and wrong in each byte from there on. */
function nearly(known: Buffer, right: number, random: SeededRandom): Buffer {
  const wrong = (): number => 1 + Math.floor(random.next() * 255);
  return Buffer.from(known.map((byte, n) => (n < right ? byte : byte ^ wrong())));
}

/** Well formed, with the id of `text` and so much of its secret. */
function guess(text: string, right: number, random: SeededRandom): string {
  for (;;) {
    const rest = Array.from({ length: SECRET_CHARS - right }, () => oneOf(DIGITS, random));
    const body = `${text.slice(0, HEAD_CHARS + right)}${rest.join('')}`;
    const made = `${body}${checkOf(body)}`;
    if (made !== text) return made;
  }
}

/** One that knows this key and no other. */
async function cacheOf(id: string, text: string): Promise<KeyCache> {
  const right = { tenant: asTenant('acme'), scopes: ['publish'], topics: null } as const;
  const found = { ...right, id, digest: digestOf(text).toString('hex') };
  const cache = new KeyCache({
    ...{ clock: systemClock, limits: LIMITS, onUsed: () => undefined, onOver: () => undefined },
    configured: new ConfiguredKeys({ defaultApiKey: null, adminApiKey: null }),
    find: async () => [{ ...found, expiresAtMs: null, leftMs: null }],
    onFault: (error) => {
      throw error;
    },
  });
  await new Promise((resolve) => cache.admit(text, resolve));
  return cache;
}
