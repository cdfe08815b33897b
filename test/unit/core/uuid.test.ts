import t from 'tap';
import { formatUuid, makeUuidV7, parseUuid, readUuid, writeUuid } from '../../../src/core/uuid.js';

const TEXT = '0198b6f0-1c2d-7abc-8def-0123456789ab';

t.test('text and bytes convert both ways', async (t) => {
  const id = parseUuid(TEXT);
  if (id === null) return t.fail('parses');
  t.equal(Buffer.from(id).toString('hex'), TEXT.replaceAll('-', ''));
  t.equal(formatUuid(id), TEXT);
  const target = Buffer.alloc(40, '.');
  writeUuid(target, 2, id);
  t.equal(target.toString(), `..${TEXT}..`);
  t.same(readUuid(target, 2), id);
  t.equal(readUuid(target, 5), null);
  t.same(parseUuid(TEXT.toUpperCase()), id);
});

t.test('what is no UUID gives null', async (t) => {
  const bad = [
    '',
    TEXT.slice(1),
    `${TEXT}0`,
    TEXT.replace('-', '0'),
    TEXT.replaceAll('-', ''),
    `g${TEXT.slice(1)}`,
    TEXT.replace('c2d-', 'c2-d'),
    `${TEXT.slice(0, 35)}\u0130`,
    `${TEXT.slice(0, 34)}\u00e9`,
    `{${TEXT.slice(2)}}`,
    "'; DROP TABLE x; --                  ",
  ];
  for (const text of bad) t.equal(parseUuid(text), null, text);
});

t.test('a version 7 id holds its time, its counter, version and variant', async (t) => {
  const nowMs = 0x0198b6f01c2d;
  const id = makeUuidV7(nowMs, 0xfabc);
  t.equal(id.length, 16);
  t.equal(Buffer.from(id).readUIntBE(0, 6), nowMs);
  t.equal(((id[6] ?? 0) << 8) | (id[7] ?? 0), 0x7abc);
  t.equal((id[8] ?? 0) >> 6, 0b10);
});

t.test('ids differ and sort by time, then by counter', async (t) => {
  const texts: string[] = [];
  for (let n = 0; n < 4096; n++) texts.push(formatUuid(makeUuidV7(1_750_000_000_000, n)));
  texts.push(formatUuid(makeUuidV7(1_750_000_000_001, 0)));
  t.same([...texts].sort(), texts);
  t.equal(new Set(texts).size, texts.length);
});
