// Goal: whatever happens to sockets, links and the log, a subscriber gets first deliveries in sequence
// order without a gap (I3), and everything in the end.
// Method: the real topic, gate, groups and feeder against a model of an acceptor of 60 lines, driven
// by random steps. fast-check prints the seed and the shrunk steps of a failure.

import fc from 'fast-check';
import t from 'tap';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import type { LogRow } from '../../src/core/message.js';
import type { LogPage, ReadRange } from '../../src/log/contract/message-log.js';
import type { SubscriptionStore } from '../../src/log/contract/subscription-store.js';
import type { LinkPort } from '../../src/thread/link.js';
import { ACK_CUMULATIVE, readAcked } from '../../src/thread/ops/acknowledge.js';
import type { DeliverOp } from '../../src/thread/ops/deliver.js';
import {
  readDeliver,
  readDeliverGroup,
  readJoin,
  readLeave,
} from '../../src/thread/ops/deliver.js';
import { ENCODING_JSON } from '../../src/thread/ops/encoding.js';
import { readFailed } from '../../src/thread/ops/failed.js';
import { type GapOp, readGap } from '../../src/thread/ops/gap.js';
import {
  OP_ACKED,
  OP_CAUGHT_UP,
  OP_DELIVER,
  OP_DELIVER_GROUP,
  OP_FAILED,
  OP_GAP,
  OP_JOIN,
  OP_LEAVE,
  OP_SOUGHT,
} from '../../src/thread/ops/opcodes.js';
import { readSought, type SoughtOp } from '../../src/thread/ops/sought.js';
import { readCaughtUp } from '../../src/thread/ops/subscribe.js';
import { PackReader } from '../../src/thread/packing/pack-reader.js';
import { Delivery } from '../../src/topic/delivery/delivery.js';
import { LocalOutlet } from '../../src/topic/delivery/local-outlet.js';
import { Figures } from '../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../src/topic/state/hot-cache.js';
import { Subscription, type Topic, type Tracker } from '../../src/topic/state/subscription.js';
import { Topics } from '../../src/topic/state/topics.js';
import { TrackerOf } from '../../src/topic/state/tracker.js';
import { keyOf } from '../support/tenants/tenants.js';

const SESSIONS = 4;
/** In the place of a window: it acknowledges nothing, and nothing of it is tracked. */
const UNTRACKED = 0;
/** The same, and it is tracked: what was sent is settled, until its socket refuses it. */
const ACKLESS = -1;
const OVERDRAWN = 'more bytes';
/** Of 64 messages, as they are here. */
const CHUNK_BYTES = 64 * 220;
const RUNS = Number(process.env.SIM_RUNS ?? 300);

interface ModelSession {
  got: number;
  joined: boolean;
  round: number;
  full: boolean;
  left: boolean;
  /** null: none. */
  window: number | null;
  acked: number;
  /** The log that its frames are of: the first is 0. */
  log: number;
  /** It fell back: what it has not acknowledged may come again. */
  mayRepeat: boolean;
  faults: string[];
}

/** What a message holds: the log that it was written to. */
interface Payload {
  l: number;
}

type Page = Pick<DeliverOp, 'firstSequence' | 'lastSequence' | 'frames'>;

/** `sequence of its log`, as it was written. */
function messagesIn(frames: Uint8Array): string[] {
  const joined = Buffer.from(frames.buffer, frames.byteOffset, frames.length).toString('utf8');
  return joined.split('\u001e').map((frame) => {
    const { sequence, payload } = JSON.parse(frame) as { sequence: number; payload: Payload };
    return `${sequence} of ${payload.l}`;
  });
}

/** What an acceptor does with the operations of a worker, and nothing else. */
class ModelAcceptor {
  readonly sessions: ModelSession[];
  readonly inbox: ArrayBuffer[] = [];
  credit = 0;
  /** The message as a log has it; see `messagesIn`. */
  readonly #written: (log: number, sequence: number) => string;
  readonly port: LinkPort;
  onAnswer: (op: 'left' | 'drained', session: number, lastSequence: number) => void = () =>
    undefined;

  constructor(
    windows: readonly (number | null)[],
    written: (log: number, sequence: number) => string,
  ) {
    this.#written = written;
    this.sessions = windows.map((window) => ({
      got: 0,
      joined: false,
      round: 0,
      full: false,
      left: false,
      window,
      acked: 0,
      log: 0,
      mayRepeat: false,
      faults: [],
    }));
    const port = {
      on: () => port,
      postMessage: (packed: ArrayBuffer) => this.inbox.push(packed),
      close: () => undefined,
    };
    this.port = port as unknown as LinkPort;
  }

  /** Handles one posted buffer; answers are collected and sent after it. */
  handle(packed: ArrayBuffer): void {
    const reader = new PackReader(packed);
    while (!reader.done) this.#one(reader.u8(), reader);
  }

  drain(index: number): void {
    const session = this.sessions[index];
    if (session === undefined) return;
    session.full = false;
    if (!session.left) return;
    session.left = false;
    this.onAnswer('drained', index, 0);
  }

  #one(op: number, reader: PackReader): void {
    if (op === OP_DELIVER_GROUP) {
      const op = readDeliverGroup(reader);
      this.#handed(op.frames, CHUNK_BYTES);
      this.sessions.forEach((session, i) => {
        if (session.joined) this.#receive(session, i, op);
      });
    } else if (op === OP_DELIVER) {
      const deliver = readDeliver(reader);
      this.#handed(deliver.frames, 0);
      const session = this.sessions[deliver.subscription];
      if (session === undefined || session.round !== deliver.round) return;
      this.#receive(session, deliver.subscription, deliver);
      if (!session.left) this.onAnswer('drained', deliver.subscription, 0);
    } else if (op === OP_JOIN) {
      const { subscription: index, round } = readJoin(reader);
      const session = this.sessions[index];
      if (session !== undefined && session.round === round) session.joined = true;
    } else if (op === OP_LEAVE) {
      const session = this.sessions[readLeave(reader).subscription];
      if (session !== undefined) session.joined = false;
    } else if (op === OP_GAP) this.#fellBack(readGap(reader));
    else if (op === OP_SOUGHT) this.#sought(readSought(reader));
    else if (op === OP_CAUGHT_UP) readCaughtUp(reader);
    else if (op === OP_FAILED) readFailed(reader);
    else if (op === OP_ACKED) readAcked(reader);
    else throw new Error(`unexpected operation ${op}`);
  }

  #fellBack({ subscription, delivered, epoch }: GapOp): void {
    const session = this.sessions[subscription];
    if (session === undefined) return;
    session.round = (session.round + 1) & 0xffff;
    session.got = Math.min(session.got, delivered);
    session.acked = Math.min(session.acked, session.got);
    session.log = Number(epoch);
    session.mayRepeat = true;
  }

  #sought({ subscription, sequence }: SoughtOp): void {
    const session = this.sessions[subscription];
    if (session === undefined) return;
    session.round = (session.round + 1) & 0xffff;
    session.got = sequence;
    session.acked = sequence;
  }

  /**
   * What was not credited when this was packed was less than the link holds; but the first chunk of a page
   * that was read for a group goes out in any case.
   */
  #handed(frames: Uint8Array, over: number): void {
    if (this.credit >= LIMITS.linkDeliverBytesMax + over) {
      this.sessions[0]?.faults.push(`${OVERDRAWN} with ${this.credit} under way`);
    }
    this.credit += frames.length;
  }

  #receive(session: ModelSession, index: number, page: Page): void {
    const { firstSequence: first, lastSequence: last } = page;
    if (session.full) {
      session.joined = false;
      session.left = true;
      session.round = (session.round + 1) & 0xffff;
      this.onAnswer('left', index, first - 1);
      return;
    }
    const isRepeated = session.mayRepeat && first <= session.got;
    session.mayRepeat = false;
    if (first !== session.got + 1 && !isRepeated)
      session.faults.push(`${session.got} then ${first}`);
    const held = messagesIn(page.frames);
    const wanted = Array.from({ length: last - first + 1 }, (_, i) =>
      this.#written(session.log, first + i),
    );
    if (held.join() !== wanted.join()) session.faults.push(`${first} to ${last} holds ${held}`);
    session.got = last;
    const inFlight = session.got - session.acked;
    const { window } = session;
    if (isWindow(window) && inFlight > window) {
      session.faults.push(`${inFlight} in flight, the window is ${window}`);
    }
  }
}

/** Whether it is one that is kept by acknowledgements. */
function isWindow(window: number | null): window is number {
  return window !== null && window !== UNTRACKED && window !== ACKLESS;
}

const kind = <K extends string>(weight: number, name: K, max: number) => ({
  weight,
  arbitrary: fc.record({ do: fc.constant(name), n: fc.nat(max) }),
});
const step = fc.oneof(
  kind(6, 'commit', 150),
  kind(2, 'foreign', 20),
  kind(5, 'deliver', 3),
  kind(4, 'answer', 3),
  kind(3, 'full', SESSIONS - 1),
  kind(2, 'drain', SESSIONS - 1),
  kind(3, 'ack', SESSIONS - 1),
  kind(1, 'credit', 0),
  kind(4, 'settle', 0),
);
const stepOrFallBack = fc.oneof({ weight: 30, arbitrary: step }, kind(2, 'fall back', 99));
const stepOrSeek = fc.oneof({ weight: 30, arbitrary: step }, kind(3, 'seek', 99));
type StepOf<A> = A extends fc.Arbitrary<infer S> ? S : never;
type Step = StepOf<typeof stepOrFallBack> | StepOf<typeof stepOrSeek>;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const row = (sequence: number, log = 0): LogRow => ({
  sequence,
  messageId: Uint8Array.from({ length: 16 }, (_, i) =>
    i < 12 ? 7 : (sequence >> (8 * (15 - i))) & 255,
  ),
  publishedAtMs: 1_900_000_000_000,
  contentType: 0,
  payload: Buffer.from(`{"l":${log}}`),
  key: null,
  headers: null,
  expiresAtMs: 0,
});

const clock = { now: () => 1_900_000_000_000, monotonic: () => 0, random: () => 0.5 };
const LIMITS = { ...DEFAULT_LIMITS, linkDeliverBytesMax: 30_000 };

function bug(what: unknown): never {
  throw new Error(String(what));
}

/** One topic with its worker's pieces, one acceptor's model, and what is on its way between them. */
class World {
  #log: LogRow[] = [row(1), row(2), row(3)];
  /** All that there were; the last one answers. */
  readonly #logs = [this.#log];
  readonly #delivery: Delivery;
  readonly #topic: Topic;
  readonly #outlet: LocalOutlet;
  readonly #acceptor: ModelAcceptor;
  readonly #answers: (() => void)[] = [];
  /** By session. */
  readonly #trackers: (Tracker | null)[] = [];

  constructor(windows: readonly (number | null)[]) {
    const budget = new HotCacheBudget(40_000);
    const figures = new Figures(clock);
    const topics = new Topics({
      find: async () => null,
      epochOf: () => '0',
      budget,
      clock,
      figures,
      onReplaced: () => undefined,
    });
    this.#topic = topics.met({
      ...{ id: 1, key: keyOf('sim'), lastSequence: 3, firstSequence: 1, bytes: 0 },
      ...{ createdAtMs: 0, lastPublishedAtMs: 0 },
      retention: { hours: null, messages: null, bytes: null },
    });
    const read = (range: ReadRange): Promise<LogPage> => this.#read(range);
    this.#delivery = new Delivery({
      ...{ clock, limits: LIMITS, topics, read, readNewest: read, onLost: bug, onTrouble: bug },
      ...{ onSilent: bug, others: null },
      // Nothing fails here, so nothing is stored.
      store: {} as SubscriptionStore,
    });
    this.#acceptor = new ModelAcceptor(windows, (log, sequence) => {
      const found = this.#logs[log]?.[sequence - 1];
      const { l: of } = JSON.parse(String(found?.payload)) as Payload;
      return `${sequence} of ${of}`;
    });
    const { port } = this.#acceptor;
    const handler = { handle: bug, endTurn: bug };
    this.#outlet = new LocalOutlet({ port, acceptor: 0, limits: LIMITS, handler });
    this.#acceptor.onAnswer = (op, session, lastSequence) => {
      const { round = 0 } = this.#acceptor.sessions[session] ?? {};
      this.#answers.push(() => this.#answered(op, { session, round, lastSequence }));
    };
    windows.forEach((window, session) => {
      this.#subscribe(session, window);
    });
  }

  async step(one: Step): Promise<void> {
    if (one.do === 'settle') await this.#settle();
    else this.#run(one);
    await turn();
  }

  /** Every socket drains, every window is acked, the head check runs; all must arrive. */
  async heal(): Promise<void> {
    const { sessions } = this.#acceptor;
    for (let round = 0; round < 2_000; round++) {
      this.#delivery.headSeen(this.#topic, this.#log.length);
      sessions.forEach((_, session) => {
        this.#acceptor.drain(session);
      });
      this.#deliverAll();
      await turn();
      if (sessions.every((session) => session.got === this.#log.length)) return;
      if (round > 20) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async stop(): Promise<void> {
    await this.#delivery.stop(0);
  }

  faults(): string[] {
    const head = this.#log.length;
    return this.#acceptor.sessions.flatMap((session, i) => [
      ...session.faults.map((fault) => `session ${i}: ${fault}`),
      ...(session.got === head ? [] : [`session ${i} ended at ${session.got} of ${head}`]),
    ]);
  }

  #subscribe(session: number, window: number | null): void {
    const topic = this.#topic;
    const isTracked = window !== UNTRACKED;
    const maxInFlight = isWindow(window) ? window : null;
    const rule = { ackWaitMs: 1_000, maxDeliver: 5 };
    const { random } = clock;
    const tracker = new TrackerOf({
      ...{ topic, durable: null, rule, ordering: 'none', parkedMax: 1, random, ackFloor: 0 },
    });
    const subscription = new Subscription({
      ...{ outlet: this.#outlet, session, number: session, topic, encoding: ENCODING_JSON },
      ...{ maxInFlight, inFlightMaxDefault: 256, delivered: 0, origin: 's' },
      ack: isTracked && window !== ACKLESS ? 'explicit' : 'none',
      tracker: isTracked ? tracker : null,
    });
    this.#trackers.push(subscription.tracker);
    this.#topic.remember(subscription);
    const subscriptions = new Set([subscription]);
    this.#delivery.open(subscription, { key: session, state: 'open', subscriptions, asks: null });
  }

  async #read(range: ReadRange): Promise<LogPage> {
    const log = this.#log;
    await turn();
    const head = log.length;
    const to = Math.min(range.toSequence, head, range.fromSequence + range.rowsMax - 1);
    return { rows: log.slice(range.fromSequence - 1, to), firstSequence: 1, lastSequence: head };
  }

  #answered(
    op: 'left' | 'drained',
    { session, ...at }: { session: number; round: number; lastSequence: number },
  ): void {
    const of = { subscription: session, topicNo: this.#topic.no };
    if (op === 'left') this.#delivery.left(this.#outlet, { ...of, ...at });
    else this.#delivery.drained(this.#outlet, of);
    this.#delivery.endTurn();
  }

  #run(one: Step): void {
    const { inbox, sessions } = this.#acceptor;
    if (one.do === 'commit' || one.do === 'foreign') {
      const rows = Array.from({ length: one.n + 1 }, (_, i) => this.#next(i));
      this.#log.push(...rows);
      if (one.do === 'commit') this.#delivery.accept(this.#topic, rows);
    } else if (one.do === 'deliver') {
      for (const packed of inbox.splice(0, one.n + 1)) this.#acceptor.handle(packed);
    } else if (one.do === 'answer') {
      for (const answer of this.#answers.splice(0, one.n + 1)) answer();
    } else if (one.do === 'full') {
      const session = sessions[one.n];
      if (session !== undefined) session.full = true;
    } else if (one.do === 'drain') this.#acceptor.drain(one.n);
    else if (one.do === 'ack') this.#ack(one.n);
    else if (one.do === 'fall back') this.#fallBack(one.n);
    else if (one.do === 'seek') this.#seek(one.n);
    else this.#returnCredit();
  }

  #next(after: number): LogRow {
    return row(this.#log.length + 1 + after, this.#logs.length - 1);
  }

  /** Some of what was written last is lost, and other messages follow; see Subscribing.epochChanged. */
  #fallBack(n: number): void {
    const topic = this.#topic;
    const common = Math.max(0, this.#log.length - (n % 10));
    this.#log = this.#log.slice(0, common);
    this.#logs.push(this.#log);
    this.#log.push(...Array.from({ length: Math.floor(n / 10) }, (_, i) => this.#next(i)));
    const head = this.#log.length;
    const to = topic.head;
    topic.epoch = String(this.#logs.length - 1);
    topic.ahead.clear();
    topic.cache.clear();
    topic.head = head;
    const gap = to <= common ? null : { from: common + 1, to, reason: 'failover' as const };
    this.#delivery.fallBack(topic, common, gap);
  }

  /** An operator moves one to somewhere in the log. */
  #seek(n: number): void {
    const tracker = this.#trackers[n % SESSIONS] ?? null;
    if (tracker === null) return;
    const sequence = Math.floor((this.#topic.head * n) / 99);
    this.#delivery.seek(tracker, sequence);
  }

  /** Everything arrives everywhere a few times over, so that sessions come to be in their group. */
  async #settle(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      this.#deliverAll();
      await turn();
    }
  }

  #deliverAll(): void {
    for (const packed of this.#acceptor.inbox.splice(0)) this.#acceptor.handle(packed);
    for (const answer of this.#answers.splice(0)) answer();
    for (let session = 0; session < SESSIONS; session++) this.#ack(session);
    this.#returnCredit();
  }

  #ack(index: number): void {
    const session = this.#acceptor.sessions[index];
    if (session === undefined || !isWindow(session.window)) return;
    session.acked = session.got;
    this.#delivery.ack(this.#outlet, {
      ...{
        request: 0,
        session: index,
        subscription: index,
        topicNo: this.#topic.no,
        kind: ACK_CUMULATIVE,
      },
      ...{ sequence: session.got, messageId: null },
    });
  }

  #returnCredit(): void {
    const bytes = this.#acceptor.credit;
    this.#acceptor.credit = 0;
    this.#delivery.credited(this.#outlet, bytes);
  }
}

/** A page of more than TRACKED_MAX to a session without a window, which its socket does not take. */
const REFUSED_BEYOND_TRACKING: [Step[], (number | null)[]] = [
  [
    { do: 'drain', n: 0 },
    { do: 'commit', n: 0 },
    { do: 'deliver', n: 0 },
    { do: 'commit', n: 44 },
    { do: 'commit', n: 40 },
    { do: 'full', n: 0 },
    { do: 'commit', n: 59 },
    { do: 'commit', n: 128 },
    { do: 'settle', n: 0 },
  ],
  [null, null, 1, 1],
];

/** A seek to the beginning while the refusal of a group's chunk is on its way. */
const SOUGHT_WHILE_REFUSED: [Step[], (number | null)[]] = [
  [
    { do: 'settle', n: 0 },
    { do: 'full', n: 0 },
    { do: 'commit', n: 9 },
    { do: 'deliver', n: 3 },
    { do: 'seek', n: 0 },
    { do: 'commit', n: 9 },
    { do: 'deliver', n: 3 },
    { do: 'settle', n: 0 },
  ],
  [ACKLESS, null, 1, 1],
];

const windows = fc.array(fc.oneof(fc.constant(null), fc.integer({ min: ACKLESS, max: 300 })), {
  minLength: SESSIONS,
  maxLength: SESSIONS,
});

async function faultsOf(
  steps: readonly Step[],
  sizes: readonly (number | null)[],
): Promise<string[]> {
  const world = new World(sizes);
  for (const one of steps) await world.step(one);
  await world.heal();
  await world.stop();
  return world.faults();
}

function mustBeNone(faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(faults.slice(0, 10).join('; '));
}

t.test('first deliveries are in order, without gaps, and complete', async () => {
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 60 }),
    windows,
    async (steps, sizes) => mustBeNone(await faultsOf(steps, sizes)),
  );
  await fc.assert(property, { numRuns: RUNS, examples: [REFUSED_BEYOND_TRACKING] });
});

t.test('also when the log becomes another one, of which all is given', async () => {
  const property = fc.asyncProperty(
    fc.array(stepOrFallBack, { maxLength: 60 }),
    windows,
    async (steps, sizes) => {
      const faults = await faultsOf(steps, sizes);
      // A page that is read for a whole group may overdraw the link, and a fall-back makes many.
      mustBeNone(faults.filter((fault) => !fault.includes(OVERDRAWN)));
    },
  );
  await fc.assert(property, { numRuns: RUNS / 5 });
});

t.test('also when an operator moves a subscription, whatever is on its way', async () => {
  const property = fc.asyncProperty(
    fc.array(stepOrSeek, { maxLength: 60 }),
    windows,
    async (steps, sizes) => mustBeNone(await faultsOf(steps, sizes)),
  );
  await fc.assert(property, { numRuns: RUNS / 5, examples: [SOUGHT_WHILE_REFUSED] });
});
