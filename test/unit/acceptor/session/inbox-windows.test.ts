// Goal: a client that has no more under way than it may is never refused, however fast it goes on; one that
// sends more at once is refused at the same frame as if all had been read at once.
import t from 'tap';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { type Inbox, Inboxes, type Sender } from '../../../../src/acceptor/session/inboxes.js';
import { SessionLoad, TooMuchUnderWay } from '../../../../src/acceptor/session/session-load.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import { type FrameSink, JsonMessage } from '../../../../src/wire/client-frame.js';

const FRAME = '{"type":"publish","topic":"a","payload":1}';

/** A message of so many frames, or so many messages of a frame. */
type Way = 'joined' | 'single';

/** Sends as many as were answered; what is read in a turn is answered in the next. */
class Client implements Sender, FrameSink {
  readonly limits = DEFAULT_LIMITS;
  readonly wantsMore = true;
  inbox: Inbox | null = null;
  heardInTurn = 0;
  framesInTurn = 0;
  sent = 0;
  accepted = 0;
  busy = 0;
  #unanswered = 0;
  readonly #way: Way;
  readonly #load = new SessionLoad();
  #later: (() => void)[] = [];
  readonly #inboxes = new Inboxes<Client>({
    limits: DEFAULT_LIMITS,
    guard: new Guard((_, stack) => {
      throw new Error(stack);
    }),
    begin: (_, bytes) => new JsonMessage(bytes, this, 'joined'),
    read: (_, message, count) => message.read(count),
    workers: { haveSliceRoom: true, endSlice: () => undefined },
    later: (callback) => this.#later.push(callback),
  });

  constructor(way: Way) {
    this.#way = way;
  }

  send(count: number): void {
    this.sent += count;
    const [messages, frames] = this.#way === 'joined' ? [1, count] : [count, 1];
    const bytes = Buffer.from(Array(frames).fill(FRAME).join('\x1e'));
    for (let n = 0; n < messages; n++) this.#inboxes.take(this, bytes);
  }

  /** The answers to what was read come, the client sends as many again, and a slice is read. */
  turn(): void {
    const answers = this.answer();
    if (answers > 0) this.send(answers);
    this.readSlice();
  }

  answer(): number {
    const answers = this.#unanswered;
    this.#unanswered = 0;
    for (let n = 0; n < answers; n++) this.#load.requestAnswered(FRAME.length);
    return answers;
  }

  readSlice(): void {
    const later = this.#later;
    this.#later = [];
    for (const callback of later) callback();
  }

  frame(): void {
    try {
      this.#load.checkRequest(this.limits, FRAME.length);
    } catch (error) {
      if (!(error instanceof TooMuchUnderWay)) throw error;
      this.busy++;
      return;
    }
    this.#load.requestSent(FRAME.length);
    this.accepted++;
    this.#unanswered++;
  }

  bad(error: Error): void {
    throw error;
  }

  tooManyBad(): void {
    throw new Error('no frame here is bad');
  }

  end(): void {
    throw new Error('nobody sends too much here');
  }

  notAllRead(): void {
    this.#load.hold();
  }

  heldRead(): void {
    this.#load.release();
    this.#load.hold();
  }

  allRead(): void {
    this.#load.release();
  }

  broken(): void {
    throw new Error('it broke');
  }
}

const WINDOWS: readonly [number, Way, publishes: number][] = [
  [2_000, 'joined', 200_000],
  [8_000, 'joined', 200_000],
  [16_000, 'joined', 200_000],
  [2_000, 'single', 40_000],
  [16_000, 'single', 80_000],
];

for (const [window, way, publishes] of WINDOWS) {
  t.test(`a window of ${window}, ${way}, is never refused`, async (t) => {
    const client = new Client(way);
    client.send(window);
    while (client.sent < publishes && client.busy === 0) client.turn();
    t.equal(client.busy, 0, `after ${client.accepted}`);
  });
}

t.test(
  'of more in a message those are refused that would be if it were read at once',
  async (t) => {
    const client = new Client('joined');
    client.send(30_000);
    while (client.inbox !== null) {
      client.answer();
      client.readSlice();
    }
    t.equal(client.accepted, DEFAULT_LIMITS.sessionRequestsMax);
    t.equal(client.busy, 30_000 - DEFAULT_LIMITS.sessionRequestsMax);
  },
);
