// Goal: however much a session sends at once, the others are read in between; all of it is read, in its
// order, or its session ends. Turns of the event loop are steps of the test.
import t from 'tap';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import {
  behind,
  type Inbox,
  Inboxes,
  type Sender,
  SLICE_FRAMES,
} from '../../../../src/acceptor/session/inboxes.js';
import { CLOSE, type CloseReason } from '../../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import {
  type ClientFrame,
  type FrameSink,
  JsonMessage,
} from '../../../../src/wire/client-frame.js';

const SEPARATOR = '\x1e';
const LONG = 3 * SLICE_FRAMES + 1;

class TestSession implements Sender {
  inbox: Inbox | null = null;
  heardInTurn = 0;
  framesInTurn = 0;
  readonly name: string;
  readonly told: (CloseReason | 'not all read' | 'held read' | 'all read' | 'broken')[] = [];
  onEnd: () => void = () => undefined;

  constructor(name: string) {
    this.name = name;
  }

  end(reason: CloseReason): void {
    this.told.push(reason);
    this.onEnd();
  }

  notAllRead(): void {
    this.told.push('not all read');
  }

  heldRead(): void {
    this.told.push('held read');
  }

  allRead(): void {
    this.told.push('all read');
  }

  broken(): void {
    this.told.push('broken');
    this.onEnd();
  }
}

class Rig implements FrameSink {
  readonly limits: typeof DEFAULT_LIMITS;
  /** `name ref` of each frame, as they were read. */
  readonly read: string[] = [];
  readonly workers = {
    haveSliceRoom: true,
    slices: 0,
    endSlice: () => {
      this.workers.slices++;
    },
  };
  readonly inboxes: Inboxes<TestSession>;
  wantsMore = true;
  fault: string | null = null;
  #current = '';
  #later: (() => void)[] = [];

  constructor(limits: Partial<typeof DEFAULT_LIMITS> = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    this.inboxes = new Inboxes<TestSession>({
      limits: this.limits,
      guard: new Guard(() => undefined),
      begin: (_session, bytes) => new JsonMessage(bytes, this, 'joined'),
      read: (session, message, count) => {
        this.#current = session.name;
        return message.read(count);
      },
      workers: this.workers,
      later: (callback) => this.#later.push(callback),
    });
  }

  session(name: string): TestSession {
    const session = new TestSession(name);
    session.onEnd = () => this.inboxes.drop(session);
    return session;
  }

  frame({ ref }: ClientFrame): void {
    this.read.push(`${this.#current} ${ref}`);
    if (this.read.at(-1) === this.fault) throw new Error('a bug');
  }

  bad(): void {
    throw new Error('no frame here is bad');
  }

  tooManyBad(): void {
    this.bad();
  }

  /** All that was left for later, once; false: nothing was. */
  turn(): boolean {
    const later = this.#later;
    this.#later = [];
    for (const callback of later) callback();
    return later.length > 0;
  }

  /** The bytes are overwritten behind it, as those of a socket are. */
  send(session: TestSession, from: number, to: number): void {
    const bytes = Buffer.from(message(from, to));
    this.inboxes.take(session, bytes);
    bytes.fill(0);
  }

  /** How many frames of a session were read. */
  count({ name }: TestSession): number {
    return this.read.filter((one) => one.startsWith(`${name} `)).length;
  }
}

/** Heartbeats with the refs from `from` to `to`. */
function message(from: number, to: number): string {
  const frames = Array.from({ length: to - from + 1 }, (_, n) => ({
    type: 'heartbeat',
    ref: from + n,
  }));
  return frames.map((frame) => JSON.stringify(frame)).join(SEPARATOR);
}

const refs = (name: string, to: number): string[] =>
  Array.from({ length: to }, (_, n) => `${name} ${n + 1}`);

t.test('what is no more than a slice is read at once, and nothing waits', async (t) => {
  const rig = new Rig();
  const session = rig.session('a');
  rig.send(session, 1, SLICE_FRAMES - 1);
  rig.send(session, SLICE_FRAMES, SLICE_FRAMES);
  t.same(rig.read, refs('a', SLICE_FRAMES));
  t.equal(session.inbox, null);
  t.equal(rig.inboxes.bytes, 0);
  rig.turn();
  t.equal(rig.turn(), false, 'no turn more');
  rig.send(session, 1, SLICE_FRAMES);
  t.equal(session.inbox, null, 'the next turn is another');
  t.equal(rig.workers.slices, 0);
});

t.test('a long message is read in slices, and what comes after it behind it', async (t) => {
  const rig = new Rig();
  const session = rig.session('a');
  rig.send(session, 1, LONG);
  rig.send(session, LONG + 1, LONG + 2);
  t.equal(rig.read.length, SLICE_FRAMES);
  t.ok(rig.inboxes.bytes > 0);
  for (let slice = 2; slice <= 4; slice++) {
    rig.turn();
    t.equal(rig.read.length, Math.min(slice * SLICE_FRAMES, LONG + 2));
  }
  t.same(rig.read, refs('a', LONG + 2), 'in their order, each once');
  t.equal(rig.inboxes.bytes, 0);
  t.equal(session.inbox, null);
  t.same(session.told, ['not all read', 'held read', 'all read']);
  t.equal(rig.workers.slices, 3);
});

t.test('as many messages of a frame each are as one of many frames', async (t) => {
  const rig = new Rig();
  const session = rig.session('a');
  for (let n = 1; n <= LONG; n++) rig.send(session, n, n);
  t.equal(rig.read.length, SLICE_FRAMES);
  rig.turn();
  t.equal(rig.read.length, 2 * SLICE_FRAMES);
  while (rig.turn());
  t.same(rig.read, refs('a', LONG));
  t.equal(rig.inboxes.bytes, 0);
});

t.test('sessions are read in turn, and a short one does not wait at all', async (t) => {
  const rig = new Rig();
  const [a, b, c] = [rig.session('a'), rig.session('b'), rig.session('c')];
  rig.send(a, 1, 10 * SLICE_FRAMES);
  rig.send(b, 1, 2 * SLICE_FRAMES);
  rig.send(c, 1, 3);
  t.equal(rig.count(c), 3);
  for (let turn = 0; turn < 2; turn++) rig.turn();
  t.equal(rig.count(b), 2 * SLICE_FRAMES, 'after one slice of the other');
  t.equal(rig.count(a), 2 * SLICE_FRAMES);
});

t.test('no slice is read while the workers are behind', async (t) => {
  const rig = new Rig();
  const session = rig.session('a');
  rig.send(session, 1, LONG);
  rig.workers.haveSliceRoom = false;
  while (rig.turn());
  t.equal(rig.read.length, SLICE_FRAMES);
  rig.inboxes.resume();
  while (rig.turn());
  t.equal(rig.read.length, SLICE_FRAMES, 'nor when they have not room yet');
  rig.workers.haveSliceRoom = true;
  rig.inboxes.resume();
  while (rig.turn());
  t.same(rig.read, refs('a', LONG));
});

t.test('the end of a session drops the rest of what it sent, and no other', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.session('a'), rig.session('b')];
  rig.send(a, 1, LONG);
  rig.send(a, LONG + 1, LONG + 1);
  rig.send(b, 1, LONG);
  rig.inboxes.drop(a);
  while (rig.turn());
  t.equal(rig.count(a), SLICE_FRAMES);
  t.equal(rig.count(b), LONG);
  t.equal(rig.inboxes.bytes, 0);
  t.same(a.told, ['not all read']);
});

t.test('a fault of ours in a slice ends the session it was of', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.session('a'), rig.session('b')];
  rig.fault = `a ${SLICE_FRAMES + 1}`;
  rig.send(a, 1, LONG);
  rig.send(b, 1, LONG);
  while (rig.turn());
  t.same(a.told, ['not all read', 'broken']);
  t.equal(rig.count(a), SLICE_FRAMES + 1);
  t.equal(rig.count(b), LONG);
});

t.test('who sends more than may wait of it is closed', async (t) => {
  const rig = new Rig({ sessionRequestBytesMax: 100_000, wsMessageBytesMax: 50_000 });
  const session = rig.session('a');
  for (let n = 0; n < 20 && session.told.length < 2; n++) rig.send(session, 1, LONG);
  t.same(session.told, ['not all read', CLOSE.tooMuchUnread]);
  t.equal(rig.inboxes.bytes, 0);
  t.equal(CLOSE.tooMuchUnread.closeCode, 4029);
});

t.test('one message as long as it may be is read, however little may wait', async (t) => {
  const rig = new Rig({
    sessionRequestBytesMax: 1_000,
    wsMessageBytesMax: message(1, LONG).length,
  });
  const session = rig.session('a');
  rig.send(session, 1, LONG);
  while (rig.turn());
  t.equal(rig.count(session), LONG);
  t.same(session.told, ['not all read', 'all read']);
});

t.test('when too much waits of all, who has the most makes room for the others', async (t) => {
  const rig = new Rig({ unreadBytesMax: 200_000 });
  const [small, large] = [rig.session('small'), rig.session('large')];
  for (let n = 0; n < 6; n++) rig.send(large, 1, LONG);
  for (let n = 0; n < 20 && large.told.length < 2; n++) rig.send(small, 1, 400);
  t.same(large.told, ['not all read', CLOSE.tooMuchUnread]);
  t.same(small.told, ['not all read']);
  t.ok(rig.inboxes.bytes > 0 && rig.inboxes.bytes <= 200_000);
});

t.test('what waits now has an end, also of a session that always sends more', async (t) => {
  const rig = new Rig();
  const session = rig.session('a');
  rig.send(session, 1, LONG);
  rig.send(session, LONG + 1, LONG + 2);
  const reached: number[] = [];
  if (session.inbox === null) throw new Error('it waits');
  behind(session.inbox, () => reached.push(rig.read.length));
  let next = LONG + 3;
  for (let turn = 0; turn < 8; turn++) {
    rig.send(session, next, next + SLICE_FRAMES);
    next += SLICE_FRAMES + 1;
    rig.turn();
  }
  t.not(session.inbox, null, 'it never was empty');
  t.same(reached, [LONG + 2], 'once, before anything that came later is read');
  t.notOk(session.told.includes('all read'));
});

t.test('what is behind the inbox of a session that ends is not done', async (t) => {
  const rig = new Rig();
  const session = rig.session('a');
  rig.send(session, 1, LONG);
  if (session.inbox === null) throw new Error('it waits');
  behind(session.inbox, () => t.fail('it has ended'));
  rig.inboxes.drop(session);
  while (rig.turn());
});
