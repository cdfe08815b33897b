// Goal: a token that nodes make is read as it was made, and whatever of it is changed it is not one any more.
import fc from 'fast-check';
import t from 'tap';
import { digestOf } from '../../../src/core/api-key.js';
import {
  isSealed,
  isToken,
  makeToken,
  readToken,
  type TokenClaims,
} from '../../../src/core/token.js';
import { asTenant } from '../../../src/core/topic-key.js';

const BY = { secret: Buffer.alloc(32, 1), digest: digestOf('a key') };
const CLAIMS: TokenClaims = {
  key: 'k',
  tenant: asTenant('acme'),
  verbs: ['publish'],
  topics: ['ä.*'],
  subject: '😀',
  expiresAtMs: 1_795_000_000_000,
};
const TOKEN = makeToken(CLAIMS, BY);

function isGood(text: string): boolean {
  const read = readToken(text);
  return read !== null && isSealed(read, BY);
}

t.test('it is read as it was made', async (t) => {
  t.same(readToken(TOKEN)?.claims, CLAIMS);
  t.ok(isToken(TOKEN) && isGood(TOKEN));
  t.match(TOKEN, /^cdtt_[\w-]+\.[\w-]{43}$/, 'as a header and a subprotocol can carry it');
});

t.test('under another secret, or of another key, it is none', async (t) => {
  const read = readToken(TOKEN);
  if (read === null) throw new Error('it cannot be read');
  t.notOk(isSealed(read, { ...BY, secret: Buffer.alloc(32, 2) }));
  t.notOk(isSealed(read, { ...BY, digest: digestOf('another key') }));
});

t.test('with any character changed, left out or put in it is none', async (t) => {
  const letters = [...'AZaz09-_.=+/ \n\0ä'];
  for (let at = 0; at < TOKEN.length; at++) {
    t.notOk(isGood(TOKEN.slice(0, at) + TOKEN.slice(at + 1)));
    for (const letter of letters) {
      const changed = TOKEN.slice(0, at) + letter + TOKEN.slice(at + 1);
      if (changed !== TOKEN) t.notOk(isGood(changed), `${at} ${JSON.stringify(letter)}`);
      t.notOk(isGood(TOKEN.slice(0, at) + letter + TOKEN.slice(at)));
    }
  }
});

t.test('whatever text comes, reading it throws nothing and takes none for one', async () => {
  const part = fc.base64String({ maxLength: 80 }).map((text) => text.replace(/[+/=]/g, '-'));
  const near = fc.tuple(part, part).map(([a, b]) => `cdtt_${a}.${b}`);
  const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), near);
  fc.assert(
    fc.property(texts, (text) => {
      isToken(text);
      return !isGood(text);
    }),
    { numRuns: 20_000 },
  );
});
