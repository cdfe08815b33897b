// Goal: what version 1 sent is read as it was meant, whatever this version sends: nodes of both run side by
// side while they are restarted one after the other.
// The vectors were recorded from the version that first sent them (2026-11-27); they are never made anew.
// Whoever needs another format raises its version, and reads this one for a release.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Envelopes } from '../../../src/backplane/envelopes.js';
import { readForward } from '../../../src/backplane/forward-body.js';

const VECTORS = fileURLToPath(
  new URL('../../../../test/vectors/envelopes-v1.json', import.meta.url),
);
const recorded = JSON.parse(readFileSync(path.resolve(VECTORS), 'utf8')) as Record<string, string>;
const bytesOf = (name: string): Buffer => Buffer.from(recorded[name] ?? '', 'hex');
const reader = (secret: string | null): Envelopes =>
  new Envelopes({ cluster: 'conduit', origin: 'b/now/0', secret });

t.test('envelopes, signed and not, with messages and without', async (t) => {
  const { secret = '' } = recorded;
  for (const [name, key] of [
    ['signed', secret],
    ['unsigned', null],
  ] as const) {
    const read = reader(key).read(bytesOf(name));
    if (typeof read === 'string') throw new Error(read);
    t.match(read, { epoch: '1abc', first: 7, last: 8 }, name);
    t.same(
      read.rows.map(({ sequence, payload }) => [sequence, Buffer.from(payload).toString('utf8')]),
      [
        [7, '{"n":7}'],
        [8, '"ü"'],
      ],
    );
  }
  t.match(reader(secret).read(bytesOf('place')), { epoch: '1abc', first: 9, last: 12, rows: [] });
  t.equal(reader('x'.repeat(32)).read(bytesOf('signed')), 'mac');
});

t.test('what was forwarded', async (t) => {
  const read = readForward(bytesOf('forward'));
  if (typeof read === 'string') throw new Error(read);
  t.match(read, { cluster: 'conduit', bootId: '00000000-0000-4000-8000-000000000001' });
  t.same(
    read.messages.map(({ channel }) => channel),
    ['conduit:1abc', 'conduit:greetings'],
  );
  t.ok(read.messages[0]?.message.equals(bytesOf('signed')));
});
