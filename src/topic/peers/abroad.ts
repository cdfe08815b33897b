/**
 * The subscriptions of sessions here that workers of other nodes coordinate: who that is, what is asked of
 * them, and what sessions say of what they were given. What those workers say is in remote-answers.ts. When a
 * link is reset they are attached again with what their sessions hold; when a node is gone, or lets go, they
 * look for who coordinates next, which may be this one.
 */
import { type BackoffOptions, backoffMs } from '../../core/backoff.js';
import type { Clock } from '../../core/clock.js';
import { ERRORS, RequestError } from '../../core/errors.js';
import { HELD_MAX } from '../../core/held-deliveries.js';
import type { TopicKey } from '../../core/topic-key.js';
import {
  ACK_BY_ID,
  ACK_BY_SEQUENCE,
  ACK_CUMULATIVE,
  type AckOp,
  VERDICT_EXTEND,
  type VerdictOp,
} from '../../thread/ops/acknowledge.js';
import type { LeftOp } from '../../thread/ops/deliver.js';
import { type FailedOp, failureOf } from '../../thread/ops/failed.js';
import type { GivenOp, ProbedOp } from '../../thread/ops/give.js';
import {
  type SessionEndedOp,
  type SubscribeOp,
  UNSUBSCRIBED_ASKED,
  type UnsubscribeOp,
} from '../../thread/ops/subscribe.js';
import type { WantOp } from '../../thread/ops/want.js';
import type { Outlet } from '../state/outlet.js';
import { numberKey } from '../state/topic.js';
import {
  type AbroadAsk,
  AbroadSubscription,
  endOf,
  type LateVerdict,
} from './abroad-subscription.js';
import { LINK_RESET, type RemoteRequests } from './remote-requests.js';
import type { RemoteWorker } from './remote-worker.js';

const SEEK: BackoffOptions = { firstMs: 20, capMs: 500 };
/** A subscribe that finds nobody who coordinates is refused then; the session may try again. */
const ANSWER_MS = 5_000;

type Failure = Pick<FailedOp, 'code' | 'detail' | 'field'>;

export interface AbroadOptions {
  clock: Clock;
  requests: RemoteRequests;
  /** The worker there that has the topic; null: that node is not known to live. */
  workerOf: (bootId: string, key: TopicKey) => RemoteWorker | null;
  /** What traces call a session. */
  nameOf: (outlet: Outlet, session: number) => string;
  /** Asks the store who coordinates it: attaches it there, or opens it here. Rejects as a subscribe does. */
  reopen: (one: AbroadSubscription) => Promise<void>;
  onBug: (error: unknown) => void;
}

export class Abroad {
  readonly #options: AbroadOptions;
  readonly #byPlace = new Map<number, AbroadSubscription>();
  readonly #byNumber = new Map<number, AbroadSubscription>();
  readonly #bySession = new Map<number, Set<AbroadSubscription>>();
  #lastNumber = 0;

  constructor(options: AbroadOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** By the number that other workers know it by. */
  byNumber(number: number): AbroadSubscription | undefined {
    return this.#byNumber.get(number);
  }

  /** By the acceptor's number of it. */
  of(outlet: Pick<Outlet, 'number'>, number: number): AbroadSubscription | undefined {
    return this.#byNumber.size === 0 ? undefined : this.#byPlace.get(numberKey(outlet, number));
  }

  /** Undefined: no session here is attached to it. */
  named(topicId: number, name: string): AbroadSubscription | undefined {
    for (const one of this.#byNumber.values()) {
      if (one.topic.id === topicId && one.op.options.name === name) return one;
    }
    return undefined;
  }

  /** A subscribe for what another node coordinates; resolves once it is answered. */
  begin(ask: AbroadAsk, bootId: string): Promise<void> {
    return new Promise((resolve) => {
      const one = this.#make(ask, resolve);
      this.attach(one, bootId);
      setTimeout(() => this.#giveUpAsk(one), ANSWER_MS).unref();
    });
  }

  /** One that was coordinated here, and that another node has now: to be sought. */
  follow(ask: AbroadAsk): AbroadSubscription {
    return this.#make(ask, null);
  }

  #make(
    { outlet, op, topic, identity = null }: AbroadAsk,
    onAnswered: (() => void) | null,
  ): AbroadSubscription {
    do this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    while (this.#byNumber.has(this.#lastNumber));
    const sessionName = this.#options.nameOf(outlet, op.session);
    const number = this.#lastNumber;
    const one = new AbroadSubscription({
      ...{ number, outlet, op, topic, identity, sessionName, onAnswered },
    });
    this.#byNumber.set(number, one);
    this.#byPlace.set(numberKey(outlet, op.subscription), one);
    const session = numberKey(outlet, op.session);
    this.#bySession.set(session, (this.#bySession.get(session) ?? new Set()).add(one));
    return one;
  }

  /** That node coordinates it. */
  attach(one: AbroadSubscription, bootId: string): void {
    if (one.state === 'ended') return;
    const worker = this.#options.workerOf(bootId, one.op.topic);
    if (worker === null) {
      this.#seekLater(one);
      return;
    }
    if (one.worker !== worker) {
      this.#leave(one);
      one.worker = worker;
      worker.want();
    }
    one.state = 'waiting';
    if (worker.isUp) this.#ask(one, worker);
  }

  /** Who coordinates it is asked of the store. */
  seek(one: AbroadSubscription): void {
    this.#leave(one);
    one.state = 'seeking';
    this.#options.reopen(one).catch((error: unknown) => {
      if (error instanceof RequestError) this.#failed(one, failureOf(NOBODY, error));
      else this.#options.onBug(error);
    });
  }

  /** It is of this node from now on, or of nobody: what still comes for it is not for it. */
  forget(one: AbroadSubscription): void {
    one.state = 'ended';
    this.#leave(one);
    this.#byNumber.delete(one.number);
    const place = numberKey(one.outlet, one.op.subscription);
    if (this.#byPlace.get(place) === one) this.#byPlace.delete(place);
    const session = numberKey(one.outlet, one.op.session);
    const those = this.#bySession.get(session);
    if (those?.delete(one) && those.size === 0) this.#bySession.delete(session);
    for (const { ack, verdict } of one.late.splice(0)) this.#refuse(one, (ack ?? verdict).request);
    one.answered();
  }

  #refuse({ outlet, op }: AbroadSubscription, request: number): void {
    if (request !== 0) outlet.failed({ ...LINK_RESET, request, session: op.session });
  }

  linkUp(worker: RemoteWorker): void {
    for (const one of this.#of(worker)) if (one.state === 'waiting') this.#ask(one, worker);
  }

  linkReset(worker: RemoteWorker): void {
    worker.forget();
    for (const one of this.#of(worker)) one.state = 'waiting';
    this.#options.requests.reset(worker);
  }

  /** Its node is gone. */
  workerGone(worker: RemoteWorker): void {
    this.linkReset(worker);
    for (const one of this.#of(worker)) this.seek(one);
  }

  // ---- what sessions and their acceptors say ----

  ack(one: AbroadSubscription, op: AckOp): void {
    const { worker } = one;
    if (worker === null || one.state !== 'attached') {
      this.#late(one, { ack: op, verdict: null });
      return;
    }
    const found = op.kind === ACK_BY_ID ? one.sequenceOf(op.messageId) : 0;
    const kind = found === 0 ? op.kind : ACK_BY_SEQUENCE;
    const sequence = found === 0 ? op.sequence : found;
    if (kind === ACK_CUMULATIVE) one.held.settledUpTo(sequence);
    else if (kind === ACK_BY_SEQUENCE) one.held.settled(sequence);
    const request = this.#answerable(one, worker, op.request);
    worker.ack({ ...op, ...this.#names(one), request, kind, sequence });
  }

  verdict(one: AbroadSubscription, op: VerdictOp): void {
    const { worker } = one;
    if (worker === null || one.state !== 'attached') {
      this.#late(one, { ack: null, verdict: op });
      return;
    }
    const sequence = op.messageId === null ? op.sequence : one.sequenceOf(op.messageId);
    const messageId = sequence > 0 ? null : op.messageId;
    if (op.verdict !== VERDICT_EXTEND) one.held.settled(sequence);
    const request = this.#answerable(one, worker, op.request);
    worker.verdict({ ...op, ...this.#names(one), request, messageId, sequence });
  }

  given(one: AbroadSubscription, op: GivenOp): void {
    if (!one.given(op.taken)) return;
    if (one.state === 'attached') one.worker?.given({ ...op, ...this.#names(one) });
    // That worker was told that it is to come.
    else if (one.state === 'asked') one.lateGiven = op;
  }

  probed(one: AbroadSubscription, op: ProbedOp): void {
    if (one.state === 'attached') one.worker?.probed({ ...op, ...this.#names(one) });
  }

  wanted(one: AbroadSubscription, op: WantOp): void {
    one.wants(op.messages);
    if (one.state === 'attached') one.worker?.wanted({ ...op, ...this.#names(one) });
  }

  /** Of a page that it was sent before it was attached. */
  left(one: AbroadSubscription, op: LeftOp): void {
    if (!one.left(op) || one.worker === null) return;
    if (one.state === 'asked') one.isMisread = true;
    else if (one.state === 'attached') this.#askAgain(one, one.worker);
  }

  /** What it was said to hold is given back there, and what it holds is said. */
  #askAgain(one: AbroadSubscription, worker: RemoteWorker): void {
    worker.sessionEnded({ session: one.number, abrupt: false });
    this.#ask(one, worker);
  }

  drained(one: AbroadSubscription): void {
    one.isRefused = false;
  }

  /** Answered at once; false: it is none of these. */
  unsubscribe(outlet: Outlet, op: UnsubscribeOp): boolean {
    const one = this.of(outlet, op.subscription);
    if (one === undefined) return false;
    this.#end(one, 'clean');
    const { topic } = one;
    const told = { request: op.request, reason: UNSUBSCRIBED_ASKED };
    outlet.unsubscribed({ ...told, subscription: op.subscription, topicNo: topic.no });
    return true;
  }

  /** A subscribe of one that is open; false: it is none of these. */
  subscribedAgain(outlet: Outlet, op: SubscribeOp): boolean {
    const one = this.of(outlet, op.subscription);
    one?.subscribedAgain(op);
    return one !== undefined;
  }

  sessionEnded(outlet: Outlet, { session, abrupt }: SessionEndedOp): void {
    const those = this.#bySession.get(numberKey(outlet, session)) ?? [];
    for (const one of those) this.#end(one, abrupt ? 'abrupt' : 'clean');
  }

  /** The acceptor's thread is gone. */
  outletClosed(outlet: Outlet): void {
    for (const one of this.#byNumber.values()) {
      if (one.outlet !== outlet) continue;
      one.late = [];
      this.#end(one, 'clean');
    }
  }

  /** What came too early is said now. */
  #sayLate(one: AbroadSubscription): void {
    const { late, lateGiven } = one;
    one.late = [];
    one.lateGiven = null;
    if (lateGiven !== null) one.worker?.given({ ...lateGiven, ...this.#names(one) });
    for (const { ack, verdict } of late) {
      if (ack !== null) this.ack(one, ack);
      else this.verdict(one, verdict);
    }
  }

  // ---- how it stands with whoever coordinates ----

  /** The store, or a worker, does not take it. */
  #failed(one: AbroadSubscription, failure: Failure): void {
    if (one.state === 'ended') return;
    if (ERRORS[failure.code].temporary) {
      this.#seekLater(one);
      return;
    }
    const { outlet, topic, op } = one;
    const { request, session, subscription } = op;
    if (one.isUnanswered) outlet.failed({ ...failure, request, session });
    else {
      const reason = endOf(failure.code);
      outlet.unsubscribed({ request: 0, subscription, topicNo: topic.no, reason });
    }
    this.forget(one);
  }

  #seekLater(one: AbroadSubscription): void {
    this.#leave(one);
    one.state = 'seeking';
    one.attempts++;
    const afterMs = backoffMs(one.attempts, SEEK, this.#options.clock.random);
    setTimeout(() => {
      if (one.state === 'seeking') this.seek(one);
    }, afterMs).unref();
  }

  #giveUpAsk(one: AbroadSubscription): void {
    if (!one.isUnanswered) return;
    const { outlet, op } = one;
    const { request, session } = op;
    outlet.failed({ ...LINK_RESET, request, session });
    this.#end(one, 'clean');
  }

  #ask(one: AbroadSubscription, worker: RemoteWorker): void {
    const { op, number, options } = one;
    const request = this.#options.requests.add(worker, {
      subscribed: (told) => {
        if (one.worker !== worker || one.state !== 'asked') return;
        one.state = 'attached';
        one.attempts = 0;
        // Of whoever coordinates it now: made anew it begins with a low term.
        one.term = 0;
        const { topic, outlet } = one;
        const local = { subscription: op.subscription, topicNo: topic.no };
        if (one.isUnanswered) outlet.subscribed({ ...told, ...local, request: op.request });
        else if (told.gap !== null) outlet.gap({ ...told, ...local, gap: told.gap });
        one.told = told;
        one.answered();
        this.#sayLate(one);
        if (one.isMisread) this.#askAgain(one, worker);
      },
      failed: (failure) => {
        if (one.worker === worker && one.state === 'asked') this.#failed(one, failure);
      },
    });
    one.state = 'asked';
    one.lateGiven = null;
    one.isMisread = false;
    worker.subscribe({ ...op, request, session: number, subscription: number, options });
  }

  /** Its session is over with it. */
  #end(one: AbroadSubscription, end: 'clean' | 'abrupt'): void {
    const isTold = one.state === 'asked' || one.state === 'attached';
    if (isTold) one.worker?.sessionEnded({ session: one.number, abrupt: end === 'abrupt' });
    this.forget(one);
  }

  /** Nothing is said to its worker any more. */
  #leave(one: AbroadSubscription): void {
    one.worker?.unwant();
    one.worker = null;
  }

  #of(worker: RemoteWorker): AbroadSubscription[] {
    return [...this.#byNumber.values()].filter((one) => one.worker === worker);
  }

  #late(one: AbroadSubscription, verdict: LateVerdict): void {
    const { request, session } = verdict.ack ?? verdict.verdict;
    if (one.late.length < HELD_MAX) one.late.push(verdict);
    else one.outlet.failed({ ...LINK_RESET, request, session });
  }

  /** Under which number the answer comes, that is asked for as `request`; 0: none is. */
  #answerable(one: AbroadSubscription, worker: RemoteWorker, request: number): number {
    if (request === 0) return 0;
    const { outlet, op } = one;
    return this.#options.requests.add(worker, {
      acked: () => outlet.acked(request),
      failed: (failure) => outlet.failed({ ...failure, request, session: op.session }),
    });
  }

  #names({ number, told }: AbroadSubscription): {
    session: number;
    subscription: number;
    topicNo: number;
  } {
    return { session: number, subscription: number, topicNo: told?.topicNo ?? 0 };
  }
}

/** See `failureOf`. */
const NOBODY = { request: 0, session: 0 };
