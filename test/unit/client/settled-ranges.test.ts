// Goal: the client knows settled sequences again, as a set would, within its bound; its codes are the node's.
import fc from 'fast-check';
import t from 'tap';
import { json } from '../../../src/client/codec.js';
import { TEMPORARY } from '../../../src/client/conduit-error.js';
import { settingsOf } from '../../../src/client/connect-options.js';
import { retryDelayMs } from '../../../src/client/retry-delay.js';
import { SettledRanges } from '../../../src/client/settled-ranges.js';
import { ERRORS } from '../../../src/core/errors.js';

const step = fc.record({
  kind: fc.constantFrom('add' as const, 'delete' as const),
  sequence: fc.integer({ min: 1, max: 40 }),
});

t.test('it has what a set has', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const ranges = new SettledRanges(1_000);
      const set = new Set<number>();
      for (const { kind, sequence } of steps) {
        ranges[kind](sequence);
        set[kind](sequence);
      }
      for (let n = 0; n <= 41; n++) if (ranges.has(n) !== set.has(n)) return false;
      return true;
    }),
  );
});

t.test('at its bound the lowest are forgotten', async (t) => {
  const ranges = new SettledRanges(2);
  for (const sequence of [1, 3, 5]) ranges.add(sequence);
  t.same(
    [1, 3, 5].map((sequence) => ranges.has(sequence)),
    [false, true, true],
  );
  const none = new SettledRanges(0);
  none.add(1);
  t.notOk(none.has(1));
});

t.test('what the node calls temporary, the client does', async (t) => {
  const later = Object.entries(ERRORS).filter(([, { temporary }]) => temporary);
  t.ok(later.length > 5);
  for (const [code] of later) t.ok(TEMPORARY.includes(code), code);
  for (const code of TEMPORARY) {
    const spec = (ERRORS as Readonly<Record<string, { temporary: boolean }>>)[code];
    t.not(spec?.temporary, false, code);
  }
});

t.test('a URL of any of the four schemes is one of HTTP', async (t) => {
  const urls = ['ws://a:1', 'http://a:1/', 'http://a:1/ws', 'wss://b/x/'];
  t.same(settingsOf({ url: urls }, json).urls, [
    'http://a:1',
    'http://a:1',
    'http://a:1',
    'https://b/x',
  ]);
  t.throws(() => settingsOf({ url: 'ftp://a' }, json), TypeError);
  t.throws(() => settingsOf({ url: [] }, json), TypeError);
});

t.test('delays are within their bounds', async (t) => {
  for (let attempt = 0; attempt < 100; attempt++) {
    const delayMs = retryDelayMs(attempt, { minDelayMs: 10, maxDelayMs: 1_000 });
    t.ok(delayMs >= 0 && delayMs <= Math.min(1_000, 10 * 2 ** attempt), `${attempt}: ${delayMs}`);
  }
});
