// Goal: the subscription store in memory keeps the contract, and its bounds.
import t from 'tap';
import { systemClock } from '../../src/core/clock.js';
import type { Limits } from '../../src/core/limits.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import { MemoryLog } from '../../src/log/memory/memory-log.js';
import { rangeOf, TENANT } from './message-log.js';
import type { TestAppend } from './recording-sink.js';
import { RecordingSink } from './recording-sink.js';
import type { OpenStore } from './subscription-store.js';
import {
  filterOf,
  givenUp,
  lettersOf,
  saveOf,
  storeSuite,
  taken,
  topicWith,
} from './subscription-store.js';

async function open(
  limits: Partial<Limits> = {},
): Promise<OpenStore & { log: MemoryLog<TestAppend> }> {
  const sink = new RecordingSink();
  const log = new MemoryLog<TestAppend>({
    limits: { ...DEFAULT_LIMITS, ...limits },
    clock: systemClock,
    sink,
    idBase: 3,
    idStep: 4,
  });
  await log.open();
  return {
    ...{ log, sink, store: log.subscriptions },
    forget: async (topic, sequence) => {
      const { lastSequence = 0 } = (await log.heads([topic.id])).get(topic.id) ?? {};
      const messages = lastSequence - sequence;
      await log.patchTopic(TENANT, topic.name, { hours: null, messages, bytes: null });
    },
    rowsOf: async () => null,
  };
}

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
  t.equal(store.log.subscriptions.deadLettersEvicted, 2);
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
  t.equal(store.log.subscriptions.deadLettersEvicted, 2_000 - count);
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
