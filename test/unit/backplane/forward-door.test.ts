// Goal: what a worker has not read is bounded: who forwards more is told that it is busy, and others have
// theirs.
import t from 'tap';
import { packForward } from '../../../src/backplane/forward-body.js';
import { ForwardDoor } from '../../../src/backplane/forward-door.js';

const [OWN, OTHER] = [
  '00000000-0000-4000-8000-000000000001',
  '00000000-0000-4000-8000-000000000002',
];
const LIVING = [OWN, OTHER].map((bootId = '') => ({
  ...{ id: bootId, bootId, addr: 'x:1', forwardUrl: null, workers: 2 },
}));

function bodyFor(channel: string, bytes: number): Buffer {
  const message = Buffer.alloc(bytes);
  return packForward({ cluster: 'c', bootId: OTHER ?? '', messages: [{ channel, message }] });
}

t.test('a worker that reads nothing', async (t) => {
  const handed: [worker: number, bytes: number][] = [];
  const door = new ForwardDoor({
    ...{ cluster: 'c', bootId: OWN ?? '', unreadBytesMax: 10_000 },
    deliver: (worker, body) => handed.push([worker, body.length]),
  });
  door.place(LIVING);
  door.listens(0, ['zero', 'both'], []);
  door.listens(1, ['one', 'both'], []);
  const body = bodyFor('zero', 4_000);
  const accepted = { accepted: 1, unheard: [] };
  t.same(door.take(body), accepted);
  t.same(door.take(body), accepted);
  t.equal(door.take(body), 'busy');
  t.equal(handed.length, 2, 'it is handed no more');
  t.same(door.take(bodyFor('one', 4_000)), accepted, 'another worker is');
  const before = handed.length;
  t.equal(door.take(bodyFor('both', 4_000)), 'busy');
  t.same(
    handed.slice(before).map(([worker]) => worker),
    [1],
    'who has room has it',
  );
  door.read(0, body.length);
  t.same(door.take(body), accepted, 'it has read some');
  t.equal(door.take(body), 'busy');
  door.gone(0);
  door.listens(0, ['zero'], []);
  t.same(door.take(bodyFor('zero', 50_000)), accepted, 'what is larger than all goes alone');
  door.read(0, 1_000_000);
  t.same(door.take(body), accepted);
});
