// Goal: when a node dies, its 5,000 sessions go on at the other one, each at its next message, while messages
// are published, and nobody who was there before is disturbed.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TestNode } from '../../native-bench/rig/node.js';
import { openWithin } from '../support/clients/open-within.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { postJson, publish, startPair } from '../support/nodes/node-pair.js';

t.setTimeout(400_000);
const SESSIONS = 5_000;
/** That open a session at a time. */
const AT_ONCE = 200;
const OPEN_WITHIN_MS = 30_000;
const TOPIC = 'crowd';
const { a, b } = await startPair(t);

/** One reader of the topic, whichever node it is at. */
class Reader {
  #subscriber: Subscriber | null = null;
  epoch = '';
  last = 0;
  disorder = '';

  /** Until it is subscribed. */
  async go(node: TestNode): Promise<void> {
    for (;;) {
      const subscriber = await openWithin(OPEN_WITHIN_MS, node.wsUrl, 'json');
      if (subscriber === null) continue;
      subscriber.keep = false;
      subscriber.onMessage = ({ sequence }) => this.#given(Number(sequence));
      const start =
        this.epoch === ''
          ? { from: 'earliest' }
          : { from: 'sequence', sequence: this.last + 1, epoch: this.epoch };
      const told = await subscriber.subscribe(TOPIC, { ack: 'none', start });
      if (told.type === 'subscribed') {
        this.epoch = String(told.epoch);
        this.#subscriber = subscriber;
        return;
      }
      subscriber.close();
    }
  }

  end(): void {
    this.#subscriber?.socket.terminate();
  }

  #given(sequence: number): void {
    if (sequence !== this.last + 1) this.disorder ||= `${sequence} after ${this.last}`;
    this.last = sequence;
  }
}

async function all(readers: readonly Reader[], act: (one: Reader) => Promise<void>): Promise<void> {
  let next = 0;
  const turn = async (): Promise<void> => {
    for (let one = readers[next++]; one !== undefined; one = readers[next++]) await act(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
}

t.test('5,000 sessions of a node that is killed', async (t) => {
  t.equal((await postJson(b, '/api/topics', { name: TOPIC })).status, 201);
  await publish(b, { topic: TOPIC, payload: 0 });
  let head = 1;
  const witness = await Subscriber.open(b.wsUrl, 'json');
  await witness.subscribe(TOPIC, { ack: 'none', start: { from: 'earliest' } });
  const readers = Array.from({ length: SESSIONS }, () => new Reader());
  await all(readers, (one) => one.go(a));
  await publish(b, { topic: TOPIC, payload: head++ });
  await eventually(() => readers.every(({ last }) => last === head), 120_000);
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) {
      await publish(b, { topic: TOPIC, payload: head++ });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  const at = performance.now();
  await a.kill9();
  await all(readers, (one) => one.go(b));
  t.comment(`all are subscribed again after ${Math.round(performance.now() - at)} ms`);
  isOver = true;
  await publishing;
  await eventually(() => readers.every(({ last }) => last === head), 120_000);
  t.same([...new Set(readers.map(({ disorder }) => disorder))], ['']);
  await eventually(() => witness.messages.length === head);
  t.same(witness.disorder, []);
  t.equal(witness.closed, null);
  t.ok(
    witness.control.every(({ type }) => type !== 'error'),
    'who was there before sees nothing of it',
  );
  for (const one of readers) one.end();
  witness.close();
});
