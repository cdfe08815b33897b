/** What each frame of a WebSocket client does. One sink serves all sessions, one message at a time. */
import { CLOSE, type ErrorCode, RequestError } from '../core/errors.js';
import { idTagOf } from '../core/id-tag.js';
import type { Limits } from '../core/limits.js';
import { isoTime } from '../core/time.js';
import type { AcceptorLinkEnd } from '../thread/link.js';
import * as ops from '../thread/ops.js';
import {
  type AckFrame,
  type ClientFrame,
  decodeJsonFrames,
  decodeMsgpackFrames,
  type FrameSink,
  type PublishFrame,
  type Ref,
  type SubscribeFrame,
  type UnsubscribeFrame,
} from '../wire/client-frame.js';
import { errorFrame } from '../wire/problem.js';
import { publishedFrame } from '../wire/result.js';
import type { Publishing } from './publishing.js';
import { KIND_MSGPACK, KIND_SEED, type ReceiverSubscription } from './receiver.js';
import { Waiting } from './requests.js';
import type { Session } from './session.js';
import { type Subscriptions, subscribedFrame } from './subscriptions.js';
import type { Workers } from './workers.js';

/** After so many frames that were no frames the session is closed. */
const BAD_FRAMES_MAX = 10;
const MALFORMED: readonly ErrorCode[] = [
  'invalid_json',
  'invalid_msgpack',
  'invalid_utf8',
  'too_deep',
  'ext_not_allowed',
  'body_must_be_object',
];
const UNKNOWN_DELIVERY = 'no such delivery to this session, or it is settled';

export interface SessionFramesOptions {
  workers: Workers;
  publishing: Publishing;
  subscriptions: Subscriptions;
  limits: Limits;
  autoCreateTopics: boolean;
}

export class SessionFrames implements FrameSink {
  readonly #options: SessionFramesOptions;
  /** Whose message is being decoded; only during `receive`. */
  #session: Session | null = null;

  constructor(options: SessionFramesOptions) {
    this.#options = options;
  }

  /** One WebSocket message; its bytes are valid during this call only. */
  receive(session: Session, message: ArrayBuffer, isBinary: boolean): void {
    if (isBinary !== (session.kind === KIND_MSGPACK)) {
      session.end(CLOSE.wrongKind);
      return;
    }
    const { limits } = this.#options;
    const bytes = new Uint8Array(message);
    this.#session = session;
    if (isBinary) decodeMsgpackFrames(bytes, limits, this);
    else decodeJsonFrames(bytes, session.kind !== KIND_SEED, limits, this);
    this.#session = null;
  }

  frame(frame: ClientFrame): void {
    const session = this.#session;
    if (session === null || session.state !== 'open') return;
    try {
      this.#run(session, frame);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#refuse(session, error.code, error.message, frame.ref);
    }
  }

  bad(error: RequestError, ref: Ref): void {
    const session = this.#session;
    if (session === null || session.state !== 'open') return;
    this.#refuse(session, error.code, error.message, ref);
    if (!MALFORMED.includes(error.code)) return;
    session.badFrames++;
    if (session.badFrames >= BAD_FRAMES_MAX) session.end(CLOSE.badRequest);
  }

  #run(session: Session, frame: ClientFrame): void {
    switch (frame.type) {
      case 'ack':
        this.#ack(session, frame);
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
        return;
      default:
        throw new RequestError('not_supported', `${frame.type} is not in this version`, 'type');
    }
  }

  #publish(session: Session, { publish, ref }: PublishFrame): void {
    this.#options.publishing.send(
      publish,
      (link, bytes) => new FramePublish(link, bytes, session, publish.topic, ref),
    );
  }

  #subscribe(session: Session, frame: SubscribeFrame): void {
    const { limits, subscriptions, autoCreateTopics } = this.#options;
    refuseUnsupported(frame);
    const { topic, ref } = frame;
    const known = session.subscriptions.has(topic) || session.subscribing.has(topic);
    const count = session.subscriptions.size + session.subscribing.size;
    if (!known && count >= limits.subscriptionsPerSessionMax) {
      const detail = `at most ${limits.subscriptionsPerSessionMax} subscriptions (SUBSCRIPTIONS_PER_SESSION_MAX)`;
      throw new RequestError('subscription_limit', detail, 'topic');
    }
    const link = subscriptions.subscribe({
      receiver: session,
      topic,
      options: {
        ack: frame.ack ?? 'explicit',
        maxInFlight: frame.maxInFlight ?? (frame.ack === 'explicit' ? limits.inFlightMax : null),
        start: frame.start ?? { from: 'latest' },
        create: autoCreateTopics,
      },
      onOpen: (_subscription, op) => {
        session.subscribing.delete(topic);
        session.sendFrame(subscribedFrame(topic, op, ref ?? undefined));
      },
      onFailed: (error) => {
        session.subscribing.delete(topic);
        this.#refuse(session, error.code, error.detail, ref);
      },
    });
    session.subscribing.add(topic);
    session.links.add(link);
  }

  #unsubscribe(session: Session, { topic, ref, subscription: name }: UnsubscribeFrame): void {
    if (name !== null) throw notSupported('subscription');
    const { subscriptions } = this.#options;
    const subscription = session.subscriptions.get(topic);
    if (subscription === undefined) {
      throw new RequestError('not_subscribed', 'not subscribed to this topic', 'topic');
    }
    subscriptions.unsubscribe(subscription, () => {
      session.sendFrame({ type: 'unsubscribed', topic, ref: ref ?? undefined });
    });
  }

  #ack(session: Session, frame: AckFrame): void {
    const { messageId, topic, sequence, cumulative } = frame;
    if (frame.subscription !== null) throw unknownDelivery();
    if (messageId === null) {
      const subscription = session.subscriptions.get(topic ?? '');
      if (subscription === undefined) throw unknownDelivery();
      const kind = cumulative ? ops.ACK_CUMULATIVE : ops.ACK_BY_SEQUENCE;
      this.#sendAck(session, subscription, { kind, sequence, messageId: null }, frame.ref, null);
      return;
    }
    const tag = idTagOf(messageId);
    const candidates: ReceiverSubscription[] = [];
    for (const one of session.subscriptions.values()) if (one.idTag === tag) candidates.push(one);
    const first = candidates.shift();
    if (first === undefined) throw unknownDelivery();
    const ack = { kind: ops.ACK_BY_ID, sequence: 0, messageId };
    this.#sendAck(session, first, ack, frame.ref, candidates.length === 0 ? null : candidates);
  }

  /** `others`: subscriptions whose topics share the id's tag, asked in turn when this one knows nothing. */
  #sendAck(
    session: Session,
    subscription: ReceiverSubscription,
    ack: Pick<ops.AckOp, 'kind' | 'sequence' | 'messageId'>,
    ref: Ref,
    others: ReceiverSubscription[] | null,
  ): void {
    const { link, group } = subscription;
    if (subscription.state === 'orphaned') throw unknownDelivery();
    if (!link.takeAckCredit()) {
      session.end(CLOSE.tooManyRequests);
      return;
    }
    let request = 0;
    if (ref !== null || others !== null) {
      const tryNext = (): void => {
        const next = others?.shift();
        if (next === undefined) this.#refuse(session, 'unknown_delivery', UNKNOWN_DELIVERY, ref);
        else this.#sendAck(session, next, ack, ref, others);
      };
      const waiting = new AckWaiting(link, session, ref, tryNext);
      request = this.#options.workers.requests.add(waiting);
    }
    ops.packAck(link.writer, { ...ack, request, session: session.number, topicNo: group.topicNo });
    link.scheduleFlush();
  }

  #refuse(session: Session, code: ErrorCode, message: string, ref: Ref): void {
    session.sendFrame(errorFrame(code, message, ref));
  }
}

function unknownDelivery(): RequestError {
  return new RequestError('unknown_delivery', UNKNOWN_DELIVERY);
}

function notSupported(field: string): RequestError {
  return new RequestError('not_supported', `${field} is not in this version`, field);
}

/** What the delivery engine will bring is refused by name until then. */
function refuseUnsupported(frame: SubscribeFrame): void {
  if (frame.subscription !== null) throw notSupported('subscription');
  if (frame.ordering !== null && frame.ordering !== 'none') throw notSupported('ordering');
  if (frame.exclusive) throw notSupported('exclusive');
  if (frame.ackWaitMs !== null) throw notSupported('ack_wait_ms');
  if (frame.maxDeliver !== null) throw notSupported('max_deliver');
}

/** A publish frame that waits for its commit. Without a ref only its failure is told. */
class FramePublish extends Waiting {
  readonly #session: Session;
  readonly #topic: string;
  readonly #ref: Ref;

  constructor(link: AcceptorLinkEnd, bytes: number, session: Session, topic: string, ref: Ref) {
    super(link, bytes);
    this.#session = session;
    this.#topic = topic;
    this.#ref = ref;
  }

  override published(op: ops.PublishedOp): void {
    if (this.#ref === null || this.#session.state !== 'open') return;
    const { messageId, sequence, publishedAtMs, duplicate } = op;
    const format = this.#session.kind === KIND_MSGPACK ? 1 : 0;
    this.#session.sendEncoded(
      publishedFrame(
        format,
        this.#ref,
        this.#topic,
        messageId,
        0,
        sequence,
        publishedAtMs,
        duplicate,
      ),
    );
  }

  override deferred(op: ops.DeferredOp): void {
    if (this.#ref === null) return;
    this.#session.sendFrame({
      type: 'published',
      ref: this.#ref,
      topic: this.#topic,
      deferred_id: op.deferredId,
      deliver_at: isoTime(op.deliverAtMs),
    });
  }

  override failed(op: Pick<ops.FailedOp, 'code' | 'detail'>): void {
    this.#session.sendFrame(errorFrame(op.code, op.detail, this.#ref));
  }
}

class AckWaiting extends Waiting {
  readonly #session: Session;
  readonly #ref: Ref;
  readonly #onUnknown: () => void;

  constructor(link: AcceptorLinkEnd, session: Session, ref: Ref, onUnknown: () => void) {
    super(link, -1);
    this.#session = session;
    this.#ref = ref;
    this.#onUnknown = onUnknown;
  }

  override acked(): void {
    if (this.#ref !== null) this.#session.sendFrame({ type: 'acked', ref: this.#ref });
  }

  override failed(): void {
    this.#onUnknown();
  }
}
