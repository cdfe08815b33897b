// Goal: the subscription store in memory keeps the contract, and its bounds.
import t from 'tap';
import { openMemoryStore as open } from '../support/log/memory-log.js';
import { OTHER, TENANT } from '../support/tenants/tenants.js';
import { rangeOf } from './message-log.js';
import {
  filterOf,
  givenUp,
  lettersOf,
  saveOf,
  storeSuite,
  taken,
  topicWith,
} from './subscription-store.js';

t.test('the contract', (t) => storeSuite(t, open));

t.test('dead letters are bounded, the oldest go', async (t) => {
  const store = await open({ memoryDeadLettersMax: 3 });
  t.teardown(() => store.log.close());
  const topic = await topicWith(store, 9);
  const record = await taken(store, topic);
  const deadLetters = [1, 2, 3, 4, 5].map((sequence) => givenUp(sequence));
  await store.store.save([saveOf(record, { deadLetters })]);
  const letters = await lettersOf(store, filterOf(topic));
  t.same(
    letters.map(({ row }) => row.sequence),
    [3, 4, 5],
  );
  t.ok(
    letters.every(({ id }) => id % 4 === 3),
    'ids of this worker alone',
  );
  t.match(await store.log.totals(TENANT), { deadLettersEvicted: 2 });
  t.match(await store.log.totals(OTHER.tenant), { deadLettersEvicted: 0 }, 'of another tenant');
});

t.test('dead letters are bounded by bytes', async (t) => {
  const store = await open({ memoryDeadLetterBytesMax: 64 * 1024 });
  t.teardown(() => store.log.close());
  const topic = await topicWith(store, 2_000);
  const record = await taken(store, topic);
  for (let n = 1; n <= 2_000; n++) {
    await store.store.save([saveOf(record, { deadLetters: [givenUp(n)] })]);
  }
  const count = await store.store.countDeadLetters(filterOf(topic));
  t.ok(count > 800 && count < 960, `${count} kept`);
  t.match(await store.log.totals(TENANT), { deadLettersEvicted: 2_000 - count });
});

t.test(
  'a message that the log has forgotten is kept from what the caller has at hand',
  async (t) => {
    const store = await open();
    t.teardown(() => store.log.close());
    const topic = await topicWith(store, 3);
    const record = await taken(store, topic);
    const { rows } = await store.log.read(rangeOf(topic.id));
    const row = { ...must(rows[0]), payload: Buffer.from(must(rows[0]).payload) };
    await store.forget(topic, 2);
    const missing: number[] = [];
    const deadLetters = [givenUp(1, { row }), givenUp(2)];
    await store.store.save([saveOf(record, { deadLetters })], ({ sequence }) =>
      missing.push(sequence),
    );
    t.same(missing, [2]);
    const [letter] = await lettersOf(store, filterOf(topic));
    t.equal(Buffer.from(must(letter).row.payload).toString(), '{"n":1}');
  },
);

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is nothing');
  return value;
}
