// Goal: a look through the log goes on where it ended, in both directions, whatever a step holds; it is
// bounded, reads what it is asked about and nothing else, and begins at a time.
import t from 'tap';
import { RequestError } from '../../../../src/core/errors.js';
import { BrowseCalls } from '../../../../src/log/contract/browse-calls.js';
import { readAnswer } from '../../../../src/thread/call-text.js';
import type { CallArgs } from '../../../../src/thread/calls.js';
import { put } from '../../../contract/message-log.js';
import { TestAppend } from '../../../contract/recording-sink.js';
import { openMemoryLog } from '../../../support/log/memory-log.js';
import { keyOf } from '../../../support/tenants/tenants.js';

const key = keyOf('looked');
const opened = await openMemoryLog();
t.teardown(() => opened.log.close());
const { topic } = await opened.log.createTopic(key, null);
for (let n = 1; n <= 3_000; n++) {
  const payload = Buffer.from(JSON.stringify({ n, text: 'x'.repeat(n % 300) }));
  opened.log.append(new TestAppend(topic.id, { payload, key: n % 2 === 0 ? 'even' : 'odd' }));
}
await put(opened, new TestAppend(topic.id, { payload: Buffer.from('"last"') }));
const calls = new BrowseCalls(opened.log);

async function look(args: Partial<CallArgs<'topic.messages'>>) {
  const all = { key, from: null, limit: 100, order: 'asc', filter: null, ...args } as const;
  const answer = await calls.run({ method: 'topic.messages', args: all });
  const { body } = readAnswer<'topic.messages'>(answer);
  const page = JSON.parse(Buffer.from(body).toString()) as {
    messages: { sequence: number }[];
    scanned?: number;
    matched?: number;
    next?: number;
  };
  return { ...page, sequences: page.messages.map(({ sequence }) => sequence) };
}

t.test('all that fit are found, page by page', async (t) => {
  const filter = 'payload.n > 100 && payload.n <= 2500 && key == "even"';
  const expected = Array.from({ length: 1_200 }, (_, n) => 102 + n * 2);
  for (const order of ['asc', 'desc'] as const) {
    const found: number[] = [];
    let [scanned, next]: [number, number | undefined] = [0, undefined];
    do {
      const from = next === undefined ? null : { sequence: next };
      const page = await look({ from, filter, order, limit: 70 });
      t.equal(page.matched, page.sequences.length);
      found.push(...page.sequences);
      scanned += page.scanned ?? 0;
      next = page.next;
    } while (next !== undefined);
    t.same(found, order === 'asc' ? expected : [...expected].reverse(), order);
    t.equal(scanned, 3_001, 'each was looked at once');
  }
});

t.test('nothing that fits is said of all of it', async (t) => {
  t.match(await look({ filter: 'payload.absent' }), {
    scanned: 3_001,
    matched: 0,
    next: undefined,
  });
  t.match(await look({ filter: 'payload == "last"' }), { sequences: [3_001], next: undefined });
  const full = await look({ filter: 'payload == "last"', limit: 1 });
  t.match(full, { matched: 1, next: undefined }, 'full, and nothing behind it');
  t.match(await look({ from: { sequence: 9_999 }, filter: 'key' }), { scanned: 0 });
  await t.rejects(look({ filter: 'key ==' }), RequestError);
  t.notOk('scanned' in (await look({ limit: 1 })));
});

t.test('a page begins at a time', async (t) => {
  const [last] = (await look({ order: 'desc', limit: 1 })).messages as unknown as [
    { published_at: string },
  ];
  const timeMs = Date.parse(last.published_at);
  t.equal((await look({ from: { timeMs }, order: 'desc' })).sequences[0], 3_001);
  t.same((await look({ from: { timeMs: timeMs + 1 } })).sequences, []);
  t.equal((await look({ from: { timeMs: 0 }, limit: 1 })).next, 2);
  t.same((await look({ from: { timeMs: 0 }, order: 'desc' })).sequences, []);
});
