// Goal: secrets are those of Standard Webhooks; the one before a new one is good for as long as it was said.
import t from 'tap';
import {
  inForce,
  makeWebhookKey,
  rotated,
  webhookKeyOf,
  webhookSecretText,
} from '../../../src/core/webhook-secret.js';

const coded = (bytes: number): string => Buffer.alloc(bytes, 251).toString('base64');

t.test('what is a secret', async (t) => {
  const key = makeWebhookKey();
  t.equal(webhookKeyOf(webhookSecretText(key)), key);
  t.equal(Buffer.from(key, 'base64').length, 32);
  for (const bytes of [24, 25, 64]) t.equal(webhookKeyOf(`whsec_${coded(bytes)}`), coded(bytes));
  const none = [
    coded(32),
    'whsec_',
    `whsec_${coded(23)}`,
    `whsec_${coded(65)}`,
    `whsec_${coded(32)} `,
  ];
  const odd = [`whsec_${coded(32).replace('+', '-')}`, `whsec_${coded(32).slice(0, -1)}`];
  for (const text of [...none, ...odd]) t.equal(webhookKeyOf(text), null, text);
});

t.test('rotation', async (t) => {
  const at = { nowMs: 1_000, overlapMs: 500 };
  const first = rotated([], 'a', at);
  t.same(first, [{ key: 'a', untilMs: null }]);
  const second = rotated(first, 'b', at);
  t.same(second, [
    { key: 'b', untilMs: null },
    { key: 'a', untilMs: 1_500 },
  ]);
  t.same(rotated(second, 'b', { nowMs: 1_400, overlapMs: 9 }), second, 'the same once more');
  t.same(rotated(second, 'b', { nowMs: 1_500, overlapMs: 9 }), [{ key: 'b', untilMs: null }]);
  t.same(rotated(second, 'c', { nowMs: 1_400, overlapMs: 0 }), [{ key: 'c', untilMs: null }]);
  t.same(
    rotated(second, 'c', at).map(({ key }) => key),
    ['c', 'b'],
    'never three',
  );
  t.same(
    inForce(second, 1_499).map(({ key }) => key),
    ['b', 'a'],
  );
  t.same(
    inForce(second, 1_500).map(({ key }) => key),
    ['b'],
  );
});
