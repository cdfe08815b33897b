/** What each frame of a WebSocket client does. One sink serves all sessions, one message at a time. */
import { clientName } from '../../core/client-name.js';
import { CLOSE, type ErrorCode, RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import type { Principal } from '../../core/principal.js';
import type { NeededScope } from '../../core/scope.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { FailedOp } from '../../thread/ops/failed.js';
import type { DeferredOp, PublishedOp } from '../../thread/ops/publish.js';
import type { SubscribeOptions } from '../../thread/ops/subscribe-options.js';
import {
  type ClientFrame,
  type ClientMessage,
  type FrameSink,
  JsonMessage,
  MsgpackMessage,
  type PublishFrame,
  type Ref,
  type SubscribeFrame,
  type UnsubscribeFrame,
} from '../../wire/client-frame.js';
import { errorFrame } from '../../wire/problem.js';
import { deferredPublishView } from '../../wire/views/deferred-view.js';
import { type Receiver, type ReceiverEnd, subscriptionKey } from '../delivery/receiver.js';
import { KIND_MSGPACK, KIND_SINGLE } from '../delivery/receiver-kind.js';
import { type AuditSink, frameEvent } from '../http/audit-note.js';
import type { Guard } from '../http/guard.js';
import { PendingRequest } from '../workers/pending-requests.js';
import type { PublishGate } from '../workers/publish-gate.js';
import type { Workers } from '../workers/workers.js';
import { type Backlog, Inboxes } from './inboxes.js';
import type { Refreshes } from './refreshes.js';
import type { MessageType, Session } from './session.js';
import { TooMuchUnderWay } from './session-load.js';
import { type SubscribeRequest, type Subscriptions, subscribedFrame } from './subscriptions.js';
import { VerdictFrames } from './verdict-frames.js';

/** What the key of a session must be good for. A switch as `neededBits` is one. */
function scopeOf(frame: ClientFrame['type']): NeededScope {
  switch (frame) {
    case 'publish':
      return 'publish';
    case 'ack':
    case 'nack':
    case 'extend':
    case 'reject':
    case 'subscribe':
    case 'unsubscribe':
      return 'subscribe';
    case 'heartbeat':
    case 'refresh':
    case 'hello':
      return 'anyone';
  }
}

/** After so many frames that were no frames the session is closed. */
const BAD_FRAMES_MAX = 10;
/** One for all subscriptions that begin at the head: each keeps its options. */
const LATEST = { from: 'latest' } as const;
const NOT_SUBSCRIBED = 'not subscribed to this topic (under this name)';
const MALFORMED: readonly ErrorCode[] = [
  'invalid_json',
  'invalid_msgpack',
  'invalid_utf8',
  'too_deep',
  'ext_not_allowed',
  'body_must_be_object',
];

export interface SessionFramesOptions {
  workers: Workers;
  publishing: PublishGate;
  subscriptions: Subscriptions;
  refreshes: Refreshes;
  limits: Limits;
  guard: Guard;
  audit: AuditSink;
  autoCreateTopics: boolean;
}

export class SessionFrames implements FrameSink {
  readonly limits: Limits;
  readonly #options: SessionFramesOptions;
  readonly #verdicts: VerdictFrames;
  readonly #inboxes: Inboxes<Session>;
  /** Whose message is being decoded. */
  #session: Session | null = null;

  constructor(options: SessionFramesOptions) {
    this.#options = options;
    const { workers, limits, guard } = options;
    this.limits = limits;
    this.#verdicts = new VerdictFrames(workers, limits);
    this.#inboxes = new Inboxes<Session>({
      limits,
      guard,
      workers,
      begin: (session, bytes) => this.#begin(session, bytes),
      read: (session, message, count) => this.#read(session, message, count),
      later: setImmediate,
    });
    workers.onSliceRead = () => this.#inboxes.resume();
  }

  get wantsMore(): boolean {
    return this.#session?.isHeard === true;
  }

  /** One WebSocket message; its bytes are valid during this call only. */
  receive(session: Session, message: ArrayBuffer, type: MessageType): void {
    if ((type === 'binary') !== (session.kind === KIND_MSGPACK)) {
      session.end(CLOSE.wrongKind);
      return;
    }
    this.#inboxes.take(session, Buffer.from(message));
  }

  /** Sessions of which not all was read that they sent. */
  get unread(): number {
    return this.#inboxes.waiting;
  }

  backlog(): Backlog {
    return this.#inboxes.backlog();
  }

  /** The session has ended: what it sent and was not read is dropped, what it has at the workers ends. */
  ended(session: Session, end: ReceiverEnd): void {
    this.#inboxes.drop(session);
    this.#options.subscriptions.receiverEnded(session, end);
  }

  /** An ack without a ref failed at its worker; absent: whoever said it has gone. */
  ackFailed(receiver: Receiver | undefined, { code, detail }: FailedOp): void {
    if (receiver === undefined) return;
    try {
      receiver.refuse(code, detail, null);
    } catch (error) {
      this.#options.guard.broken('answer', receiver, error);
    }
  }

  #begin(session: Session, bytes: Buffer): ClientMessage {
    this.#session = session;
    if (session.kind === KIND_MSGPACK) return new MsgpackMessage(bytes, this);
    return new JsonMessage(bytes, this, session.kind === KIND_SINGLE ? 'single' : 'joined');
  }

  #read(session: Session, message: ClientMessage, count: number): number {
    this.#session = session;
    return message.read(count);
  }

  frame(frame: ClientFrame): void {
    const session = this.#session;
    if (session?.isHeard !== true) return;
    try {
      session.principal.check(scopeOf(frame.type));
      this.#run(session, frame);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      session.refuse(error.code, error.message, frame.ref);
      if (error.code === 'forbidden') this.#tellRefused(session, frame.type);
      if (error instanceof TooMuchUnderWay) session.countIdle();
    }
  }

  #tellRefused(session: Session, object: ClientFrame['type']): void {
    const what = { action: 'frame', object, outcome: 'forbidden' } as const;
    this.#options.audit.add(frameEvent(session, what));
  }

  bad(error: RequestError, ref: Ref): void {
    const session = this.#session;
    if (session?.isHeard !== true) return;
    session.refuse(error.code, error.message, ref);
    if (!MALFORMED.includes(error.code)) return;
    session.badFrames++;
    if (session.badFrames >= BAD_FRAMES_MAX) session.end(CLOSE.badRequest);
  }

  tooManyBad(): void {
    this.#session?.end(CLOSE.tooManyRefused);
  }

  #run(session: Session, frame: ClientFrame): void {
    switch (frame.type) {
      case 'ack':
        this.#verdicts.ack(session, frame);
        return;
      case 'nack':
      case 'extend':
      case 'reject':
        this.#verdicts.verdict(session, frame);
        return;
      case 'publish':
        this.#publish(session, frame);
        return;
      case 'subscribe':
        this.#subscribe(session, frame);
        return;
      case 'unsubscribe':
        this.#unsubscribe(session, frame);
        return;
      case 'heartbeat':
        session.sendFrame({ type: 'heartbeat_ack', ref: frame.ref ?? undefined });
        session.countIdle();
        return;
      case 'hello':
        session.client = clientName(frame.client, frame.version);
        session.countIdle();
        return;
      case 'refresh':
        this.#options.refreshes.refresh(session, frame);
        return;
      default:
        // One that the union has and nobody handles does not compile.
        frame satisfies never;
    }
  }

  #publish(session: Session, { publish, ref }: PublishFrame): void {
    session.load.checkRequest(this.#options.limits, publish.payload.length);
    this.#options.publishing.send(
      session.principal,
      publish,
      (link, bytes) => new FramePublish(link, bytes, session, publish.topic, ref),
    );
  }

  #subscribe(session: Session, frame: SubscribeFrame): void {
    const { subscriptions, limits } = this.#options;
    refuseAmbiguous(frame);
    refuseDurable(session.principal, frame);
    session.load.checkSubscribe(limits);
    const { topic, subscription: name, ref } = frame;
    const key = subscriptionKey(topic, name);
    const number = session.subscriptionNumber(key);
    if (number === undefined) this.#checkCount(session);
    const request: SubscribeRequest = {
      receiver: session,
      number: number ?? subscriptions.nextNumber(),
      counts: number === undefined ? 'one more' : 'no more',
      topic,
      options: this.#subscribeOptions(session, frame),
      onOpen: (_subscription, op) => {
        session.subscribeAnswered(key);
        session.load.subscribeAnswered(limits);
        session.sendFrame(subscribedFrame({ topic, name }, op, ref ?? undefined));
      },
      onFailed: (error) => {
        session.subscribeAnswered(key);
        session.load.subscribeAnswered(limits);
        session.refuse(error.code, error.detail, ref);
      },
    };
    subscriptions.subscribe(request);
    session.subscribeSent(key, request.number);
    session.load.subscribeSent(limits);
  }

  #checkCount(session: Session): void {
    const { subscriptionsPerSessionMax } = this.#options.limits;
    if (!session.hasSubscriptions(subscriptionsPerSessionMax)) return;
    const detail = `at most ${subscriptionsPerSessionMax} subscriptions (SUBSCRIPTIONS_PER_SESSION_MAX)`;
    throw new RequestError('subscription_limit', detail, 'topic');
  }

  /** A session has a window once it named one of three fields, or sent an ack. */
  #subscribeOptions({ principal, form }: Session, frame: SubscribeFrame): SubscribeOptions {
    const { limits } = this.#options;
    const isWindowed = frame.ack === 'explicit' || frame.subscription !== null;
    return {
      name: frame.subscription,
      ack: frame.ack ?? 'explicit',
      maxInFlight: frame.maxInFlight ?? (isWindowed ? limits.inFlightMax : null),
      ackWaitMs: frame.ackWaitMs,
      maxDeliver: frame.maxDeliver,
      ordering: frame.ordering ?? 'none',
      exclusive: frame.exclusive,
      start: frame.start ?? LATEST,
      create: this.#createsTopics(principal),
      // What is sent to a group is the same for all of it.
      ...(form === 'event' ? { alone: true } : {}),
    };
  }

  /** Where subscribers make no topics, whoever may make them by POST /api/topics still does. */
  #createsTopics(principal: Principal): boolean {
    return this.#options.autoCreateTopics || (principal.keyId !== null && principal.may('manage'));
  }

  /** Of what it has, or has asked for: the answers come in the order of the frames. */
  #unsubscribe(session: Session, { topic, ref, subscription: name }: UnsubscribeFrame): void {
    const number = session.subscriptionNumber(subscriptionKey(topic, name));
    if (number === undefined) {
      const field = name === null ? 'topic' : 'subscription';
      throw new RequestError('not_subscribed', NOT_SUBSCRIBED, field);
    }
    const { limits, subscriptions } = this.#options;
    session.load.checkSubscribe(limits);
    subscriptions.unsubscribe({
      receiver: session,
      number,
      topic,
      name,
      onEnded: () => {
        session.load.subscribeAnswered(limits);
        const told = { topic, subscription: name ?? undefined, ref: ref ?? undefined };
        session.sendFrame({ type: 'unsubscribed', ...told });
      },
      onFailed: ({ code, detail }) => {
        session.load.subscribeAnswered(limits);
        session.refuse(code, code === 'not_subscribed' ? NOT_SUBSCRIBED : detail, ref);
      },
    });
    session.load.subscribeSent(limits);
  }
}

/** What says two things at once is refused rather than half obeyed. */
function refuseAmbiguous(frame: SubscribeFrame): void {
  if (frame.subscription === null && frame.exclusive) {
    throw new RequestError('invalid_field', 'needs a subscription name', 'exclusive');
  }
  if (frame.ack !== 'none') return;
  if (frame.ackWaitMs !== null) throw unacknowledged('ack_wait_ms');
  if (frame.maxDeliver !== null) throw unacknowledged('max_deliver');
  if (frame.ordering !== null && frame.ordering !== 'none') throw unacknowledged('ordering');
}

/** The place of a durable subscription is its service's: a page must not take it over, or move it. */
function refuseDurable({ token }: Principal, { subscription }: SubscribeFrame): void {
  if (token === null || subscription === null) return;
  const detail = 'a token names no durable subscription: leave subscription out, or use a key';
  throw new RequestError('forbidden', detail, 'subscription');
}

function unacknowledged(field: string): RequestError {
  return new RequestError('invalid_field', 'has no meaning with ack "none"', field);
}

/** A publish frame that waits for its commit. Without a ref only its failure is told. */
class FramePublish extends PendingRequest {
  readonly topic: string;
  readonly ref: Ref;
  readonly #session: Session;

  constructor(link: AcceptorLinkEnd, bytes: number, session: Session, topic: string, ref: Ref) {
    super(link, bytes);
    this.topic = topic;
    this.ref = ref;
    this.#session = session;
    session.load.requestSent(bytes);
  }

  override published(op: PublishedOp): void {
    this.#session.load.requestAnswered(this.creditBytes);
    if (this.ref !== null) this.#session.sendPublished(this, op);
  }

  override deferred(op: DeferredOp): void {
    this.#session.load.requestAnswered(this.creditBytes);
    if (this.ref === null) return;
    this.#session.sendFrame({
      type: 'published',
      ref: this.ref,
      ...deferredPublishView(op, this.topic),
    });
  }

  override failed(op: Pick<FailedOp, 'code' | 'detail'>): void {
    this.#session.load.requestAnswered(this.creditBytes);
    // Not held against the client: it was counted while it was under way, as one that is stored is.
    this.#session.sendFrame(errorFrame(op.code, op.detail, this.ref));
  }

  override broken(): void {
    this.#session.broken();
  }
}
