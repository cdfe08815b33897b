// Goal: whatever subscribers, sockets and crashes do, every message ends settled or as a dead letter,
// in order where order was asked for, and nothing comes again after a saved settlement.
// Method: the real cursor, driven by random steps, against a model that knows only how each sequence
// fares, and a store of 30 lines. SIM_SEED runs one seed, SIM_RUNS that many.
import t from 'tap';
import { deadlineOf, type Entry, type Member } from '../../src/core/cursor-entry.js';
import type { LedgerStart, Ordering } from '../../src/core/cursor-ledger.js';
import { rangesOf } from '../../src/core/sequence-ranges.js';
import { CursorRig, rowEntry, type Sent } from '../support/delivery/cursor-rig.js';
import { CursorModel } from './cursor-model.js';

const RUNS = Number(process.env.SIM_RUNS ?? 3_000);
const STEPS = 120;
/** So many seeds that fail are enough to know. */
const FAULTS_MAX = 5;
const ACK_WAIT_MS = 1_000;
const JITTER = 1.1;

type Random = () => number;

/** mulberry32 */
function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What outlives a crash. */
class Store {
  start: LedgerStart = { ackFloor: 0 };
  readonly rows = new Map<number, Partial<Entry>>();
  readonly dead = new Set<number>();

  save({ cursor, nowMs }: CursorRig): void {
    const { changes, floor: ackFloor, settledRanges: settled, delivered } = cursor;
    if (changes.dropDeliveries) this.rows.clear();
    for (const sequence of changes.settled) {
      this.rows.delete(sequence);
      this.dead.delete(sequence);
    }
    // Before the rows: after a seek back what was given up may be under way again.
    for (const { sequence } of changes.deadLetters) {
      this.rows.delete(sequence);
      this.dead.add(sequence);
    }
    for (const [sequence, entry] of changes.deliveries) {
      const { attempts, firstFailedAtMs, lastError, redriven } = entry;
      // Of a held one `dueAtMs` is how long it may be held: without its holder it is due at once.
      const dueAtMs = entry.state === 'waiting' ? entry.dueAtMs : nowMs;
      this.rows.set(sequence, { attempts, firstFailedAtMs, lastError, redriven, dueAtMs });
    }
    changes.clear();
    this.start = { ackFloor, settled, delivered };
  }

  entries(): Entry[] {
    return [...this.rows].sort(([a], [b]) => a - b).map(([one, row]) => rowEntry(one, row));
  }
}

class Simulation {
  readonly #random: Random;
  readonly #rig: CursorRig;
  readonly #model: CursorModel;
  readonly #store = new Store();
  readonly #membersMax: number;
  readonly #ordering: Ordering;
  readonly #parkedMax: number;
  /** Who left counts too: its late acks may come. */
  #known: Member[] = [];
  #joins = 0;
  /** When sockets ran empty, by the name of the member. */
  readonly #drainedAtMs = new Map<string, number>();
  #lastNew = 0;
  #nackDelayMs: number | null = null;
  #seenFailures = 0;
  #seenBurials = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    this.#ordering = this.#oneOf(['none', 'key', 'topic'] as const);
    const ordering = this.#ordering;
    const keys = ordering === 'topic' ? [''] : [null, 'a', 'b', 'c'];
    const shift = this.#upTo(3);
    const keyOf = (sequence: number): string | null =>
      ordering === 'none' ? null : (keys[((sequence * 7 + shift) >> 1) % keys.length] ?? null);
    this.#model = new CursorModel(keyOf);
    this.#membersMax = 1 + this.#upTo(3);
    const rule = { ackWaitMs: ACK_WAIT_MS, maxDeliver: 1 + this.#upTo(4) };
    this.#parkedMax = this.#oneOf([1, 2, 4, 100]);
    const options = { ordering, keyOf, rule, parkedMax: this.#parkedMax };
    this.#rig = new CursorRig({ ...options, random: this.#random });
    this.#rig.onSent = (sent) => this.#onSent(sent);
    this.#store.save(this.#rig);
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.#act(this.#random());
      this.#learn();
      this.#check();
    }
    this.#finish();
  }

  #act(dice: number): void {
    if (dice < 0.12) this.#rig.publish(1 + this.#upTo(3));
    else if (dice < 0.2) this.#join();
    else if (dice < 0.25) this.#leave();
    else if (dice < 0.43) this.#ack();
    else if (dice < 0.47) this.#ackUpTo();
    else if (dice < 0.54) this.#nack();
    else if (dice < 0.57) this.#reject();
    else if (dice < 0.61) this.#extend();
    else if (dice < 0.64) this.#takeBack();
    else if (dice < 0.69) this.#socket();
    else if (dice < 0.84) this.#pass();
    else if (dice < 0.93) this.#save();
    else if (dice < 0.97) this.#crash();
    else if (dice < 0.985) this.#redrive();
    else this.#move();
  }

  #join(): void {
    if (this.#rig.cursor.members.size >= this.#membersMax) return;
    const window = this.#oneOf([1, 2, 5, 8]);
    this.#known.push(this.#rig.join(`m${++this.#joins}`, window));
  }

  #leave(): void {
    const member = this.#someMember();
    if (member === undefined) return;
    const end = this.#random() < 0.5 ? 'clean' : 'abrupt';
    for (const fate of this.#model.fates.values()) {
      if (end === 'clean' && fate.holder === member.name) fate.holder = null;
    }
    this.#rig.leave(member, end);
  }

  #ack(): void {
    const member = this.#maybeOne(this.#known);
    const sequence = this.#someSequence(member);
    if (member === undefined) return;
    const isRight = this.#maySettle(member, sequence);
    if (isRight) this.#settled(member, sequence);
    expect('ack', this.#rig.ack(member, sequence), isRight);
  }

  #ackUpTo(): void {
    const member = this.#maybeOne(this.#known);
    const sequence = this.#someSequence(member);
    if (member === undefined) return;
    let isAny = false;
    if (sequence <= this.#rig.cursor.delivered) {
      const fate = this.#model.fates.get(sequence);
      const last = fate?.state === 'pending' ? fate.hadBy.get(member.name) : undefined;
      const sentBy = last ?? Number.POSITIVE_INFINITY;
      for (const one of [...this.#model.fates.keys()].sort((a, b) => a - b)) {
        if (one > sequence || !this.#maySettle(member, one)) continue;
        if (this.#model.of(one).order > sentBy) continue;
        this.#settled(member, one);
        isAny = true;
      }
    }
    expect('cumulative ack', this.#rig.ackUpTo(member, sequence), isAny);
  }

  #nack(): void {
    const member = this.#maybeOne(this.#known);
    const sequence = this.#someSequence(member);
    if (member === undefined) return;
    this.#nackDelayMs = this.#maybeOne([null, 0, 300, 5_000]) ?? null;
    const isRight = this.#holds(member, sequence);
    if (isRight) this.#model.settledAt(member.name, sequence, this.#rig.nowMs);
    expect('nack', this.#rig.nack(member, sequence, this.#nackDelayMs), isRight);
  }

  #reject(): void {
    const member = this.#maybeOne(this.#known);
    const sequence = this.#someSequence(member);
    if (member === undefined) return;
    const isRight = this.#holds(member, sequence);
    if (isRight) this.#model.settledAt(member.name, sequence, this.#rig.nowMs);
    expect('reject', this.#rig.reject(member, sequence), isRight);
  }

  #extend(): void {
    const member = this.#maybeOne(this.#known);
    const sequence = this.#someSequence(member);
    if (member === undefined) return;
    const ms = this.#maybeOne([null, 500, 4_000]) ?? null;
    const isRight = this.#holds(member, sequence);
    expect('extend', this.#rig.cursor.extend(member, { sequence, ms }, this.#rig.nowMs), isRight);
    if (!isRight) return;
    const fate = this.#model.of(sequence);
    const until = this.#rig.nowMs + (ms ?? stepMs(fate.failures + 1));
    fate.extendedUntilMs = Math.max(fate.extendedUntilMs, until);
  }

  #takeBack(): void {
    const entry = this.#maybeOne(
      this.#rig.cursor.entries().filter(({ state }) => state === 'held'),
    );
    if (entry === undefined) return;
    this.#model.of(entry.sequence).holder = null;
    this.#rig.cursor.takeBack(entry);
    this.#rig.pump();
  }

  #socket(): void {
    const member = this.#someMember();
    if (member === undefined) return;
    if (this.#rig.full.has(member)) this.#drain(member);
    else this.#rig.full.add(member);
  }

  #drain(member: Member): void {
    this.#drainedAtMs.set(member.name, this.#rig.nowMs);
    this.#rig.drained(member);
  }

  #pass(): void {
    const ms = this.#oneOf([1, 40, 333, 1_000, 1_700, 4_000, 20_000]);
    if (this.#random() < 0.7) this.#rig.pass(ms);
    else {
      this.#rig.nowMs += ms;
      this.#rig.wake();
    }
    this.#learn();
    this.#checkDue();
  }

  #save(): void {
    this.#learn();
    this.#store.save(this.#rig);
    this.#model.save();
    this.#seenFailures = 0;
    this.#seenBurials = 0;
    const wanted = [...this.#model.fates]
      .filter(([, { state, failures, redriven }]) => state === 'pending' && (failures || redriven))
      .map(([sequence]) => sequence);
    expect('stored rows', numbers(this.#store.rows.keys()), numbers(wanted));
  }

  #crash(): void {
    this.#model.crash();
    this.#known = [];
    this.#seenFailures = 0;
    this.#seenBurials = 0;
    this.#rig.restart(this.#store.start, this.#store.entries());
    this.#lastNew = this.#rig.cursor.delivered;
  }

  #redrive(): void {
    const { deadLetters } = this.#rig.cursor.changes;
    const isSaved = (dead: number) => deadLetters.every(({ sequence }) => sequence !== dead);
    const dead = this.#maybeOne([...this.#store.dead].filter(isSaved));
    if (dead === undefined || this.#store.rows.has(dead)) return;
    if (this.#model.of(dead).state !== 'dead') return;
    this.#model.redrive(dead);
    this.#store.rows.set(dead, { redriven: true });
    const entry = rowEntry(dead, { state: 'ready', redriven: true });
    expect('redrive', this.#rig.cursor.restore(entry), true);
    this.#rig.pump();
  }

  /** Somebody seeks, or the log loses its beginning, or too much is tracked. */
  #move(): void {
    const { cursor, head } = this.#rig;
    const to = this.#upTo(head);
    const way = this.#oneOf(['seek', 'passOver', 'trackNewest'] as const);
    for (let sequence = 1; sequence <= to; sequence++) this.#model.of(sequence);
    if (way === 'seek') {
      this.#model.seek(to);
      this.#lastNew = to;
      this.#rig.seek(to);
    } else if (way === 'passOver') {
      const lost = this.#model.lose(to);
      expect('lost', JSON.stringify(cursor.passOver(to)), JSON.stringify(rangesOf(lost)));
    } else {
      this.#model.passOver(cursor.delivered - to);
      cursor.trackNewest(to);
    }
    if (way !== 'seek') this.#lastNew = Math.max(this.#lastNew, cursor.delivered);
    this.#rig.pump();
  }

  #onSent({ sequence, attempt, member }: Sent): void {
    this.#learn();
    const { delivered } = this.#rig.cursor;
    const fate = this.#model.of(sequence);
    if (this.#ordering === 'none' && sequence > this.#lastNew) {
      expect('next first attempt', sequence, this.#lastNew + 1);
      this.#lastNew = sequence;
    }
    if (sequence > delivered) throw new Error(`${sequence} sent past ${delivered}`);
    expect(`attempt of ${sequence}`, attempt, fate.failures + 1);
    if (attempt > this.#rig.cursor.rule.maxDeliver) throw new Error(`${sequence}: one too many`);
    this.#model.sent(sequence, member.name, this.#rig.nowMs);
  }

  /** What failed or was given up since the last look. */
  #learn(): void {
    const { failures, deadLetters } = this.#rig.cursor.changes;
    for (const { sequence, attempt, atMs, outcome, session } of failures.slice(
      this.#seenFailures,
    )) {
      const fate = this.#model.of(sequence);
      expect(`who failed ${sequence}`, session, fate.holder);
      if (outcome === 'ack_wait') this.#checkLate(sequence, atMs);
      const rule = [stepMs(attempt), stepMs(attempt) * JITTER] as const;
      const delay = this.#nackDelayMs;
      const [least, most] =
        outcome === 'ack_wait'
          ? [0, 0]
          : outcome === 'nack' && delay !== null
            ? [delay, delay]
            : rule;
      const counted = this.#model.failed(sequence, [atMs + least, atMs + most]);
      expect(`failures of ${sequence}`, attempt, counted);
    }
    this.#seenFailures = failures.length;
    for (const { sequence, reason, attempts } of deadLetters.slice(this.#seenBurials)) {
      const { maxDeliver } = this.#rig.cursor.rule;
      if (reason === 'max_deliver') expect(`deaths of ${sequence}`, attempts, maxDeliver);
      this.#model.end(sequence, 'dead');
    }
    this.#seenBurials = deadLetters.length;
  }

  /** Its deadline had come, and it had left the socket. */
  #checkLate(sequence: number, atMs: number): void {
    const fate = this.#model.of(sequence);
    const member = this.#member(fate.holder);
    if (this.#rig.full.has(member)) throw new Error(`${sequence} failed in a full socket`);
    const progress = this.#model.progress(sequence, false);
    const from = Math.max(fate.sentAtMs, this.#drainedAtMs.get(member.name) ?? 0, progress);
    const deadline = Math.max(from + stepMs(fate.failures + 1), fate.extendedUntilMs);
    if (atMs < deadline) throw new Error(`${sequence} failed at ${atMs}, had until ${deadline}`);
  }

  /** One wake after its time nothing waits any more, and nothing is held past its deadline. */
  #checkDue(): void {
    this.#rig.wake();
    this.#learn();
    const { nowMs, cursor } = this.#rig;
    for (const [sequence, fate] of this.#model.fates) {
      if (fate.state !== 'pending') continue;
      if (fate.holder === null) {
        const isWaiting = cursor.entry(sequence)?.state === 'waiting';
        if (isWaiting && fate.due[1] <= nowMs) throw new Error(`${sequence} still waits`);
        continue;
      }
      const member = this.#member(fate.holder);
      if (this.#rig.full.has(member)) continue;
      const progress = this.#model.progress(sequence, true);
      const from = Math.max(fate.sentAtMs + 8, this.#drainedAtMs.get(member.name) ?? 0, progress);
      const step = stepMs(fate.failures + 1) * JITTER;
      const latest = Math.max(from + step, fate.extendedUntilMs + step * (1 - 1 / JITTER));
      if (nowMs > latest + 1) throw new Error(`${sequence} still held, was due at ${latest}`);
    }
  }

  #check(): void {
    const { cursor } = this.#rig;
    const { floor, delivered } = cursor;
    let pending = 0;
    const held = new Map<string, number>();
    for (let sequence = 1; sequence <= delivered; sequence++) {
      const fate = this.#model.of(sequence);
      const entry = cursor.entry(sequence);
      if (fate.state !== 'pending') {
        if (entry !== undefined) throw new Error(`${sequence} is ${fate.state} and has an entry`);
        continue;
      }
      pending++;
      if (!fate.redriven && sequence <= floor) throw new Error(`floor ${floor} passed ${sequence}`);
      if (fate.holder !== null) held.set(fate.holder, (held.get(fate.holder) ?? 0) + 1);
      if (entry !== undefined) expect(`attempts of ${sequence}`, entry.attempts, fate.failures);
    }
    const next = this.#model.fates.get(floor + 1);
    if (floor < delivered && (next?.state !== 'pending' || next.redriven)) {
      throw new Error(`floor stays at ${floor}`);
    }
    const parked = cursor.entries().filter(({ state }) => state === 'parked').length;
    expect('parked', cursor.parked, parked);
    expect('in flight', cursor.inFlight, pending - parked);
    this.#checkFlow(pending - parked);
    for (const member of cursor.members) {
      const count = held.get(member.name) ?? 0;
      expect(`what ${member.name} holds`, this.#rig.outstanding(member), count);
      if (count > member.inFlightMax) throw new Error(`window of ${member.name} exceeded`);
    }
    this.#checkTimer();
  }

  /** What waits for nothing is sent as long as somebody has room, whatever else waits. */
  #checkFlow(inFlight: number): void {
    const { cursor, head, full } = this.#rig;
    const isFree = (one: Member): boolean =>
      !full.has(one) && this.#rig.outstanding(one) < one.inFlightMax;
    const willing = [...cursor.members].filter(isFree);
    const windows = [...cursor.members].reduce((sum, one) => sum + one.inFlightMax, 0);
    if (willing.length === 0 || inFlight >= windows) return;
    if (cursor.parked >= this.#parkedMax) return;
    for (let sequence = cursor.floor + 1; sequence <= head; sequence++) {
      const { state, holder, failures, redriven } = this.#model.of(sequence);
      if (state !== 'pending' || holder !== null || failures > 0 || redriven) continue;
      if (this.#isBehind(sequence)) continue;
      throw new Error(`${sequence} is not sent, ${willing[0]?.name} has room`);
    }
  }

  /** One of its key is in flight, or before it. */
  #isBehind(sequence: number): boolean {
    const key = this.#model.keyOf(sequence);
    if (key === null) return false;
    for (const [other, { state, holder }] of this.#model.fates) {
      if (state !== 'pending' || other === sequence || this.#model.keyOf(other) !== key) continue;
      const isWaiting = this.#rig.cursor.entry(other)?.state === 'waiting';
      if (holder !== null || isWaiting || other < sequence) return true;
    }
    return false;
  }

  /** Whatever has a time is woken for. */
  #checkTimer(): void {
    const { cursor, nowMs } = this.#rig;
    const wakeAt = cursor.nextWakeAtMs(nowMs);
    for (const entry of cursor.entries()) {
      const { state, member, sequence } = entry;
      const isAsked = member?.overdue.includes(entry) === true;
      const due = state === 'waiting' ? entry.dueAtMs : deadlineOf(entry);
      if ((state !== 'waiting' && state !== 'held') || isAsked) continue;
      if (wakeAt > due) throw new Error(`wake at ${wakeAt}, ${sequence} is due at ${due}`);
    }
  }

  /** A willing member, and time. */
  #finish(): void {
    const { cursor } = this.#rig;
    if (cursor.members.size === 0) {
      this.#known.push(this.#rig.join(`m${++this.#joins}`, 4));
    }
    for (let round = 0; round < 200 && !this.#isDone(); round++) {
      for (const member of this.#rig.full) this.#drain(member);
      for (const [sequence, { holder }] of [...this.#model.fates]) {
        if (holder === null || this.#model.of(sequence).holder !== holder) continue;
        this.#settled(this.#member(holder), sequence);
        expect('last acks', this.#rig.ack(this.#member(holder), sequence), true);
      }
      this.#rig.pass(6_000);
      this.#learn();
      this.#check();
    }
    expect('all ended', this.#isDone(), true);
    expect('floor', cursor.floor, this.#rig.head);
    expect('in flight', cursor.inFlight, 0);
    expect('entries', cursor.entries().length, 0);
    for (const { held } of cursor.members) expect('held', held, 0);
    this.#save();
    expect('rows', this.#store.rows.size, 0);
  }

  #isDone(): boolean {
    if (this.#rig.cursor.delivered < this.#rig.head) return false;
    return [...this.#model.fates.values()].every(({ state }) => state !== 'pending');
  }

  #maySettle({ name }: Member, sequence: number): boolean {
    const fate = this.#model.fates.get(sequence);
    return fate?.state === 'pending' && fate.hadBy.has(name);
  }

  #holds({ name }: Member, sequence: number): boolean {
    return this.#model.fates.get(sequence)?.holder === name;
  }

  #settled({ name }: Member, sequence: number): void {
    this.#model.settledAt(name, sequence, this.#rig.nowMs);
    this.#model.end(sequence, 'acked');
  }

  #member(name: string | null): Member {
    const members = [...this.#rig.cursor.members, ...this.#known];
    const found = members.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  }

  #someMember(): Member | undefined {
    return this.#maybeOne([...this.#rig.cursor.members]);
  }

  /** Most often one that the member holds. */
  #someSequence(member: Member | undefined): number {
    const held = [...this.#model.fates].filter(([, { holder }]) => holder === member?.name);
    if (held.length > 0 && this.#random() < 0.8) return this.#maybeOne(held)?.[0] ?? 0;
    return this.#upTo(this.#rig.head + 2) - 1;
  }

  #upTo(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }

  #oneOf<T>(list: readonly T[]): T {
    const one = this.#maybeOne(list);
    if (one === undefined) throw new Error('one of nothing');
    return one;
  }

  #maybeOne<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }
}

function stepMs(attempt: number): number {
  return ACK_WAIT_MS * 2 ** (attempt - 1);
}

function numbers(list: Iterable<number>): string {
  return [...list].sort((a, b) => a - b).join();
}

function expect<T>(what: string, found: T, wanted: T): void {
  if (found !== wanted) throw new Error(`${what}: ${found}, should be ${wanted}`);
}

t.test(`what is owed is paid, whatever happens: ${RUNS} lives`, async (t) => {
  const only = process.env.SIM_SEED;
  const seeds = only === undefined ? Array.from({ length: RUNS }, (_, i) => i) : [Number(only)];
  const faults: string[] = [];
  for (const seed of seeds) {
    if (faults.length === FAULTS_MAX) break;
    try {
      new Simulation(seed).run();
    } catch (error) {
      faults.push(`SIM_SEED=${seed}: ${error instanceof Error ? error.message : error}`);
    }
  }
  t.same(faults, [], 'no seed fails');
});
