// Goal: a pattern is a name, or all names below one; it never means more.
import t from 'tap';
import {
  coversPattern,
  coversPrefix,
  fitsPattern,
  isTopicPattern,
} from '../../../src/core/topic-pattern.js';

const PATTERNS = ['orders', 'orders.*', 'orders.eu.*', 'orders.eu'];

t.test('which names fit', async (t) => {
  const fits: Readonly<Record<string, string[]>> = {
    orders: ['orders'],
    'orders.eu': ['orders.eu', 'orders.*'],
    'orders.eu.de': ['orders.*', 'orders.eu.*'],
    'orders.eu.de.by': ['orders.*', 'orders.eu.*'],
    'orders.eux': ['orders.*'],
    ordersx: [],
    'orders-eu.de': [],
    Orders: [],
    xorders: [],
    'x.orders.eu': [],
    'orders.*': [],
    '*': [],
    '': [],
  };
  for (const [name, expected] of Object.entries(fits)) {
    const found = PATTERNS.filter((pattern) => fitsPattern(pattern, name) && name !== 'orders.*');
    t.same(found.sort(), [...expected].sort(), name);
  }
});

t.test('which prefixes and patterns are covered', async (t) => {
  for (const prefix of ['orders.', 'orders.e', 'orders.eu.'])
    t.ok(coversPrefix('orders.*', prefix));
  for (const prefix of ['', 'o', 'orders', 'ordersx.']) t.notOk(coversPrefix('orders.*', prefix));
  t.notOk(coversPrefix('orders', 'orders'), 'a name is no prefix');
  const covered: [string, string][] = [
    ['orders', 'orders'],
    ['orders.*', 'orders.*'],
    ['orders.*', 'orders.eu'],
    ['orders.*', 'orders.eu.*'],
  ];
  for (const [pattern, other] of covered)
    t.ok(coversPattern(pattern, other), `${pattern} ${other}`);
  const wider: [string, string][] = [
    ['orders.*', 'orders'],
    ['orders', 'orders.*'],
    ['orders.eu.*', 'orders.*'],
    ['orders.eu.*', 'orders.eu'],
    ['orders.*', 'ordersx.*'],
  ];
  for (const [pattern, other] of wider)
    t.notOk(coversPattern(pattern, other), `${pattern} ${other}`);
});

t.test('what is a pattern', async (t) => {
  for (const text of PATTERNS) t.ok(isTopicPattern(text, 255), text);
  const none = ['', '*', '.*', 'a.*.b', '*.a', 'a*', 'a.**', 'a..*', 'a.*.*', 'a b', 'a.*\n', '**'];
  for (const text of none) t.notOk(isTopicPattern(text, 255), text);
  t.notOk(isTopicPattern('x'.repeat(256), 255));
});
