// Goal: a key that was made is known by its id; whatever differs from it in one place, or only looks like
// one, is told apart without a look-up. Secrets are compared in one place, in a time that tells nothing.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';
import {
  apiKeyId,
  digestOf,
  isApiKeyId,
  isLoginId,
  isSameDigest,
  loginId,
  makeApiKey,
  makeLogin,
} from '../../../src/core/api-key.js';
import { readSources } from '../../support/documents/source-tree.js';

t.test('a key has an id, a secret of 160 bits and a checksum', async (t) => {
  const seen = new Set<string>();
  for (let n = 0; n < 1_000; n++) {
    const { id, text } = makeApiKey();
    t.match(text, /^cdt_[0-9a-hj-km-np-tv-z]{16}_[0-9a-hj-km-np-tv-z]{39}$/);
    t.equal(apiKeyId(text), id);
    t.ok(isApiKeyId(id));
    seen.add(id).add(text.slice(21, 53));
  }
  t.equal(seen.size, 2_000, 'no two are the same');
});

t.test('one character that is another is found', async (t) => {
  const { text } = makeApiKey();
  for (let at = 0; at < text.length; at++) {
    for (const char of '0a_A\u0430') {
      if (text[at] === char) continue;
      t.equal(apiKeyId(`${text.slice(0, at)}${char}${text.slice(at + 1)}`), null, `${at} ${char}`);
    }
    t.equal(apiKeyId(`${text.slice(0, at)}${text.slice(at + 1)}`), null, `without ${at}`);
  }
});

t.test('what is no key is none', async (t) => {
  const { id, text } = makeApiKey();
  const others = ['', 'cdt_', 'cdt__', `cdt_${id}`, `cdt_${id}_`, text.toUpperCase(), ` ${text}`];
  const more = [`${text} `, `${text}\n`, `${text}${text}`, `Bearer ${text}`, '\0', 'x'.repeat(1e6)];
  for (const other of [...others, ...more]) t.equal(apiKeyId(other), null);
  for (const other of ['', 'i'.repeat(16), '0'.repeat(15), `${id}\n`]) t.notOk(isApiKeyId(other));
});

t.test("a login is known by its id, which is no key's", async (t) => {
  const { id, text } = makeLogin();
  t.match(text, /^cdl_[0-9a-hj-km-np-tv-z]{16}_[0-9a-hj-km-np-tv-z]{39}$/);
  t.equal(loginId(text), id);
  t.ok(isLoginId(id));
  t.equal(apiKeyId(text), null);
  t.notOk(isApiKeyId(id));
  const key = makeApiKey();
  t.equal(loginId(key.text), null);
  t.notOk(isLoginId(key.id));
  t.equal(loginId(key.text.replace('cdt_', 'cdl_')), null, 'the checksum is of the kind, too');
});

t.test('digests are of the whole text', async (t) => {
  const { text } = makeApiKey();
  t.equal(digestOf(text).length, 32);
  t.ok(isSameDigest(digestOf(text), digestOf(text)));
  t.notOk(isSameDigest(digestOf(text), digestOf(`${text}x`)));
  t.notOk(isSameDigest(digestOf(text), digestOf(text).subarray(1)), 'of another length');
  t.notOk(isSameDigest(digestOf(text), Buffer.alloc(0)));
});

t.test('secrets are compared by timingSafeEqual, there alone', async (t) => {
  const source = readFileSync(path.join(PACKAGE_FOLDER, 'src/core/api-key.ts'), 'utf8');
  t.match(source, /return one\.length === other\.length && timingSafeEqual\(one, other\);/);
  const keyed = readSources(PACKAGE_FOLDER, 'src').filter(
    ({ path: file }) => /^src\/(tenant|acceptor)\//.test(file) || file === 'src/core/api-key.ts',
  );
  t.ok(keyed.length > 20);
  const compared = keyed.flatMap(({ path: file, lines }) =>
    lines
      .filter((line) => /\.(equals|compare)\(|digest(Of\(\w+\))? ?[!=]==? |timingSafe/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  t.same(
    compared.filter((line) => !line.startsWith('src/core/api-key.ts')),
    ["src/tenant/known-key.ts: digest === this.digest.toString('hex') &&"],
  );
});
