// Goal: what has become of thousands of topics that are not found where they were is asked of each database
// together, as when a NOTIFY names all that were deleted; what is wrong with one of them is of that one.
import t from 'tap';
import { RequestError } from '../../../../src/core/errors.js';
import type { Whereabouts } from '../../../../src/log/contract/topic-mover.js';
import { type ReadDatabase, SeveralTopics } from '../../../../src/log/several/several-topics.js';

const TOPICS = 3_000;
/** Of one query. */
const BATCH_MAX = 1_000;
const AWAY = new RequestError('log_unavailable', 'it is away');

/** What a database says of topics, and how often it was asked. */
class Database {
  readonly gone = new Map<number, Whereabouts>();
  readonly places = new Map<number, number>();
  readonly asked: number[] = [];
  isAway = false;

  get part(): ReadDatabase {
    const say = async <V>(of: Map<number, V>, ids: readonly number[]): Promise<Map<number, V>> => {
      this.asked.push(ids.length);
      if (this.isAway) throw AWAY;
      return new Map([...of].filter(([id]) => ids.includes(id)));
    };
    const placed = {
      gone: (ids: readonly number[]) => say(this.gone, ids),
      placesOf: (ids: readonly number[]) => say(this.places, ids),
    };
    return { placed } as unknown as ReadDatabase;
  }
}

function three(): { topics: SeveralTopics; databases: [Database, Database, Database] } {
  const databases: [Database, Database, Database] = [
    new Database(),
    new Database(),
    new Database(),
  ];
  const topics = new SeveralTopics(
    databases.map(({ part }) => part),
    'all',
  );
  return { topics, databases };
}

const movedTo = (place: number): Whereabouts => ({ movedTo: place, arrivingFrom: null });
const arrivingFrom = (place: number): Whereabouts => ({ movedTo: null, arrivingFrom: place });

/** What is said of each of 1 to TOPICS, asked for in one turn. */
async function allOf(topics: SeveralTopics): Promise<(boolean | string)[]> {
  const ids = Array.from({ length: TOPICS }, (_, n) => n + 1);
  return Promise.all(
    ids.map((id) => topics.hasMoved(id, 1).catch((error: RequestError) => error.code)),
  );
}

t.test('each database is asked for a thousand at once', async (t) => {
  const { topics, databases } = three();
  const [first, second, third] = databases;
  // It has moved on: first, third. One was forgotten by the second long ago.
  second.gone.set(1, movedTo(2));
  second.gone.set(2, movedTo(0));
  first.gone.set(2, movedTo(2));
  first.places.set(3, 2);
  const said = await allOf(topics);
  t.same(said.slice(0, 4), [true, true, true, false]);
  t.equal(said.filter((one) => one === true).length, 3, 'the rest was deleted');
  t.same(
    [1, 2, 3].map((id) => topics.places.known(id)),
    [2, 2, 2],
  );
  const most = TOPICS / BATCH_MAX;
  t.same(second.asked, Array(most).fill(BATCH_MAX));
  t.ok(first.asked.length <= most + 1 && third.asked.length <= 2, 'and so are the others');
});

t.test('one that arrives, or whose database is away, keeps no other from its answer', async (t) => {
  const { topics, databases } = three();
  const [first, second, third] = databases;
  second.gone.set(1, arrivingFrom(0));
  second.gone.set(2, movedTo(2));
  second.gone.set(3, movedTo(0));
  second.gone.set(4, movedTo(0));
  first.gone.set(4, arrivingFrom(1));
  third.isAway = true;
  const said = await allOf(topics);
  t.same(said.slice(0, 5), ['topic_busy', 'log_unavailable', true, 'topic_busy', false]);
});

t.test('topics that send each other round are no loop', async (t) => {
  const { topics, databases } = three();
  const [first, second] = databases;
  second.gone.set(1, movedTo(0));
  first.gone.set(1, movedTo(1));
  await t.rejects(topics.hasMoved(1, 1), { code: 'topic_busy' });
});

t.test('while the first is away nobody knows of those that the place has forgotten', async (t) => {
  const { topics, databases } = three();
  const [first, second] = databases;
  second.gone.set(1, movedTo(2));
  first.isAway = true;
  t.same((await allOf(topics)).slice(0, 2), [true, false]);
  second.isAway = true;
  await t.rejects(topics.hasMoved(1, 1), { code: 'log_unavailable' });
});
