import t from 'tap';
import { isoTime, parseRfc3339 } from '../../../src/core/time.js';

t.test('a time is written with milliseconds in UTC', async (t) => {
  t.equal(isoTime(0), '1970-01-01T00:00:00.000Z');
  t.equal(isoTime(1_767_225_600_123), '2026-01-01T00:00:00.123Z');
  t.equal(isoTime(1_767_225_600_123), '2026-01-01T00:00:00.123Z');
  t.equal(isoTime(1_767_225_600_124), '2026-01-01T00:00:00.124Z');
  t.equal(isoTime(1_767_225_601_001), '2026-01-01T00:00:01.001Z');
  t.equal(isoTime(-1), '1969-12-31T23:59:59.999Z');
  t.equal(isoTime(253_402_300_800_007), new Date(253_402_300_800_007).toISOString());
  t.throws(() => isoTime(8.64e15 + 1_000), RangeError);
  t.equal(isoTime(8.64e15), new Date(8.64e15).toISOString());
  t.throws(() => isoTime(Number.NaN), RangeError);
});

const GOOD: readonly [string, string][] = [
  ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
  ['2026-01-31t12:00:00.5z', '2026-01-31T12:00:00.500Z'],
  ['2026-01-31T12:00:00.123456789Z', '2026-01-31T12:00:00.123Z'],
  ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
  ['2026-01-31T12:00:00-05:30', '2026-01-31T17:30:00.000Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
];

t.test('RFC 3339 times are read', async (t) => {
  for (const [text, iso] of GOOD) {
    t.equal(new Date(parseRfc3339(text) ?? Number.NaN).toISOString(), iso, text);
  }
});

t.test('other texts are not times', async (t) => {
  const bad = [
    '',
    'now',
    '2026-01-31',
    '2026-01-31T12:00:00',
    '2026-01-31 12:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:60:00Z',
    '2026-01-31T12:00:61Z',
    '2026-01-31T12:00:00+24:00',
    '2026-01-31T12:00:00+0200',
    '2026-01-31T12:00:00.Z',
    '+002026-01-31T12:00:00Z',
    '1767225600',
    `2026-01-31T12:00:00.${'0'.repeat(100_000)}Z`,
  ];
  for (const text of bad) t.equal(parseRfc3339(text), null, text.slice(0, 40));
});
