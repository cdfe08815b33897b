// Goal: docs/protocol.md says what the wire is. What is made in it is what the schemas, the golden frames and
// the table of routes say now, and every frame and every reason has its place. `--write` makes it again.
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { z } from 'zod';
import { GAP_REASONS, STREAM_GAP_REASONS } from '../src/core/gap-reason.js';
import type { ClientFrame } from '../src/wire/client-frame.js';
import type { clientFrames } from '../src/wire/schemas/frames.js';
import { SERVER_FRAMES } from '../src/wire/schemas/server-frames.js';
import { framesOf, PROTOCOL_FILE, renderProtocol } from './support/documents/protocol-document.js';

if (process.argv.includes('--write')) {
  writeFileSync(PROTOCOL_FILE, renderProtocol(readFileSync(PROTOCOL_FILE, 'utf8')));
}
const text = readFileSync(PROTOCOL_FILE, 'utf8');

/** A frame that clients may send and that has no schema, or the other way round, does not compile. */
type DescribedType = z.input<ReturnType<typeof clientFrames>>['type'];
const asDescribed = (type: ClientFrame['type']): DescribedType => type;
const asRead = (type: DescribedType): ClientFrame['type'] => type;

const SIDES = { client: 'Frames of the client', server: 'Frames of the server' } as const;

/** What stands below a heading, up to the next one of its level or above. */
function sectionOf(from: string, heading: string): string {
  const level = heading.split(' ')[0] ?? '';
  const [, below = ''] = from.split(`\n${heading}\n`);
  return below.split(new RegExp(`\n#{1,${level.length}} `))[0] ?? '';
}

t.test('what is made in it is up to date', async (t) => {
  t.ok(text === renderProtocol(text), 'node dist/test/protocol-document.test.js --write');
});

for (const [side, heading] of Object.entries(SIDES)) {
  t.test(`each of the ${heading.toLowerCase()} has its section`, async (t) => {
    const frames = framesOf(side);
    const section = sectionOf(text, `## ${heading}`);
    const titles = [...section.matchAll(/^### `(\w+)`$/gm)].map(([, type]) => type);
    t.same(titles.sort(), [...frames.keys()].sort());
    for (const [type, forms] of frames) {
      const own = sectionOf(section, `### \`${type}\``);
      const tables = forms.map((_, at) => `members ${side} ${type}${at === 0 ? '' : ` ${at + 1}`}`);
      for (const table of tables) t.match(own, `<!-- made: ${table} -->`, `${type}: ${table}`);
      t.match(own, `{"type":"${type}"`, `${type}: in JSON`);
      t.match(own, hexOf(type), `${type}: in msgpack`);
    }
  });
}

t.test('the frames that it knows are all that there are', async (t) => {
  t.same([...framesOf('server').keys()].sort(), Object.keys(SERVER_FRAMES).sort());
  for (const type of framesOf('client').keys()) {
    t.equal(asDescribed(asRead(type as DescribedType)), type);
  }
});

t.test('each reason of a gap is told', async (t) => {
  const section = sectionOf(text, '### Gaps');
  const told = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, reason]) => reason);
  t.same(told.sort(), [...GAP_REASONS, ...STREAM_GAP_REASONS].sort());
});

/** `type` and its value, as the first pair of a map. */
function hexOf(type: string): string {
  const bytes = Buffer.from(type);
  return `a474797065${(0xa0 | bytes.length).toString(16)}${bytes.toString('hex')}`;
}
