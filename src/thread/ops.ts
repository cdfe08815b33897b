/**
 * Every operation that travels between an acceptor and a topic worker, both ways, with its fields in
 * the order they are packed. This file is the whole protocol of the link; nothing else is posted on
 * its port. Each `pack*` has its `read*` right below it; the reader is called after the opcode byte
 * was read.
 *
 * Bounds. Publishes: an acceptor has at most linkMessagesMax publishes and linkBytesMax bytes under
 * way to one worker; each is given back by its PUBLISHED, DEFERRED or FAILED. Full: the acceptor
 * answers 503 `busy` (WebSocket: error `busy` with the ref) and packs nothing. Deliveries: a worker
 * has at most linkDeliverBytesMax bytes of DELIVER and DELIVER_GROUP under way to one acceptor, given
 * back by CREDIT. Full: the worker stops feeding that acceptor; its readers lag and are fed from the
 * hot cache or the log once credit is back. Acknowledgements have credit of their own (link.ts); full:
 * error `busy`. What one session may have of all of these is bounded in acceptor/session/session-load.ts.
 *
 * Subscriptions. A session may have several to one topic, so operations name a subscription by a number
 * that the acceptor gives it at SUBSCRIBE, unique on that acceptor while it runs.
 *
 * Order: everything on one link arrives in the order it was packed. JOIN, LEAVE and DELIVER* rely on it.
 */
import type { ErrorCode } from '../core/errors.js';
import { ERRORS, errorCodeById } from '../core/errors.js';
import type { ContentType, Publication } from '../core/message.js';
import type { PackReader, PackWriter } from './pack.js';

/** Acceptor to worker. */
export const OP_PUBLISH = 1;
export const OP_SUBSCRIBE = 2;
export const OP_UNSUBSCRIBE = 3;
export const OP_SESSION_ENDED = 4;
export const OP_ACK = 5;
export const OP_LEFT = 6;
export const OP_DRAINED = 7;
export const OP_CREDIT = 8;
export const OP_CALL = 9;
export const OP_VERDICT = 10;
export const OP_GIVEN = 11;
export const OP_PROBED = 12;

/** Worker to acceptor. */
export const OP_PUBLISHED = 32;
export const OP_FAILED = 33;
export const OP_DELIVER_GROUP = 34;
export const OP_DELIVER = 35;
export const OP_JOIN = 36;
export const OP_LEAVE = 37;
export const OP_SUBSCRIBED = 38;
export const OP_UNSUBSCRIBED = 39;
export const OP_CAUGHT_UP = 40;
export const OP_ACKED = 41;
export const OP_REPLY = 42;
export const OP_DEFERRED = 43;
export const OP_ACK_CREDIT = 44;
export const OP_GIVE = 45;
export const OP_PROBE = 46;

/** Encodings a worker makes; the acceptor's raw and SSE sessions are fed the JSON one. */
export const ENCODING_JSON = 0;
export const ENCODING_MSGPACK = 1;
export type Encoding = typeof ENCODING_JSON | typeof ENCODING_MSGPACK;

// ---- PUBLISH: answered by PUBLISHED, DEFERRED or FAILED with the same `request` ----
/** A publish on its way; `request` is the acceptor's number for its answer. */
export interface PublishOp extends Publication {
  request: number;
  topic: string;
  /** Deferred until this many ms after its commit, by the database's clock; 0: not. */
  delayMs: number;
  /** Deferred until this Unix ms; 0: not. */
  deliverAtMs: number;
}

const PUBLISH_HAS_EXTRAS = 1;

export function packPublish(
  to: PackWriter,
  request: number,
  topic: string,
  publish: Omit<PublishOp, 'request' | 'topic'>,
): void {
  const extras =
    publish.key !== null ||
    publish.headers !== null ||
    publish.dedupeKey !== null ||
    publish.ttlMs !== 0 ||
    publish.delayMs !== 0 ||
    publish.deliverAtMs !== 0;
  const extraBytes = extras
    ? 3 *
        ((publish.key?.length ?? 0) +
          (publish.headers?.length ?? 0) +
          (publish.dedupeKey?.length ?? 0)) +
      64
    : 0;
  to.begin(OP_PUBLISH, publish.payload.length + 3 * topic.length + extraBytes);
  to.u32(request);
  to.u8(publish.contentType);
  to.u8(extras ? PUBLISH_HAS_EXTRAS : 0);
  to.text(topic);
  to.blob(publish.payload);
  if (!extras) return;
  to.textOrNull(publish.key);
  to.textOrNull(publish.headers);
  to.textOrNull(publish.dedupeKey);
  to.f64(publish.ttlMs);
  to.f64(publish.delayMs);
  to.f64(publish.deliverAtMs);
}

export function readPublish(from: PackReader): PublishOp {
  const request = from.u32();
  const contentType = from.u8() as ContentType;
  const extras = from.u8() === PUBLISH_HAS_EXTRAS;
  const topic = from.name();
  const payload = from.blob();
  return {
    request,
    topic,
    contentType,
    payload,
    key: extras ? from.textOrNull() : null,
    headers: extras ? from.textOrNull() : null,
    dedupeKey: extras ? from.textOrNull() : null,
    ttlMs: extras ? from.f64() : 0,
    delayMs: extras ? from.f64() : 0,
    deliverAtMs: extras ? from.f64() : 0,
  };
}

// ---- SUBSCRIBE: answered by SUBSCRIBED or FAILED; a repeated one is answered again ----
export interface SubscribeOp {
  request: number;
  /** The acceptor's number of the session; unique on that acceptor while it runs. */
  session: number;
  /** The acceptor's number of the subscription; unique on that acceptor while it runs. */
  subscription: number;
  topic: string;
  encoding: Encoding;
  options: SubscribeOptions;
}

/** Travels as JSON: a subscribe is rare beside what follows it. */
export interface SubscribeOptions {
  /** Durable under this name; null: ephemeral. */
  name: string | null;
  ack: 'explicit' | 'none';
  /** null: not named, so an ephemeral one has no window until the session acks. */
  maxInFlight: number | null;
  /** ms; null: the default. Of a durable one it counts when it is made. The next two also. */
  ackWaitMs: number | null;
  maxDeliver: number | null;
  ordering: 'none' | 'key' | 'topic';
  /** Takes a durable one over from the sessions that have it, and shares it with none. */
  exclusive: boolean;
  start:
    | { from: 'latest' }
    | { from: 'earliest' }
    | { from: 'sequence'; sequence: number; epoch: string | null }
    | { from: 'time'; timeMs: number };
  /** The topic may be made when it does not exist. */
  create: boolean;
}

export function packSubscribe(to: PackWriter, op: SubscribeOp): void {
  const options = JSON.stringify(op.options);
  to.begin(OP_SUBSCRIBE, 3 * (op.topic.length + options.length));
  to.u32(op.request);
  to.u32(op.session);
  to.u32(op.subscription);
  to.u8(op.encoding);
  to.text(op.topic);
  to.text(options);
}

export function readSubscribe(from: PackReader): SubscribeOp {
  return {
    request: from.u32(),
    session: from.u32(),
    subscription: from.u32(),
    encoding: from.u8() as Encoding,
    topic: from.text(),
    options: JSON.parse(from.text()) as SubscribeOptions,
  };
}

// ---- UNSUBSCRIBE: answered by UNSUBSCRIBED or FAILED `not_subscribed` ----
export interface UnsubscribeOp {
  request: number;
  session: number;
  subscription: number;
  topic: string;
}

export function packUnsubscribe(to: PackWriter, op: UnsubscribeOp): void {
  to.begin(OP_UNSUBSCRIBE, 3 * op.topic.length);
  to.u32(op.request);
  to.u32(op.session);
  to.u32(op.subscription);
  to.text(op.topic);
}

export function readUnsubscribe(from: PackReader): UnsubscribeOp {
  const request = from.u32();
  const session = from.u32();
  return { request, session, subscription: from.u32(), topic: from.text() };
}

// ---- SESSION_ENDED: no answer; all its subscriptions end ----
export interface SessionEndedOp {
  session: number;
  /** Without a close frame: what it held has failed an attempt. */
  abrupt: boolean;
}

export function packSessionEnded(to: PackWriter, op: SessionEndedOp): void {
  to.begin(OP_SESSION_ENDED, 0);
  to.u32(op.session);
  to.u8(op.abrupt ? 1 : 0);
}

export function readSessionEnded(from: PackReader): SessionEndedOp {
  return { session: from.u32(), abrupt: from.u8() === 1 };
}

// ---- ACK: answered by ACKED when `request` is not 0, by FAILED `unknown_delivery` always ----
export const ACK_BY_ID = 0;
export const ACK_BY_SEQUENCE = 1;
export const ACK_CUMULATIVE = 2;

export interface AckOp {
  /** 0: the frame had no ref, so success needs no answer. FAILED then carries `session` alone. */
  request: number;
  session: number;
  subscription: number;
  topicNo: number;
  kind: number;
  /** For the two kinds by sequence; else 0. */
  sequence: number;
  /** 16 bytes for ACK_BY_ID; else null. */
  messageId: Uint8Array | null;
}

export function packAck(to: PackWriter, op: AckOp): void {
  to.begin(OP_ACK, 0);
  to.u32(op.request);
  to.u32(op.session);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.kind);
  if (op.messageId !== null) to.bytes16(op.messageId);
  else to.f64(op.sequence);
}

export function readAck(from: PackReader): AckOp {
  const op: AckOp = {
    request: from.u32(),
    session: from.u32(),
    subscription: from.u32(),
    topicNo: from.u32(),
    kind: from.u8(),
    sequence: 0,
    messageId: null,
  };
  if (op.kind === ACK_BY_ID) op.messageId = from.bytes16();
  else op.sequence = from.f64();
  return op;
}

// ---- VERDICT: nack, extend, reject; answered as ACK is ----
export const VERDICT_NACK = 0;
export const VERDICT_EXTEND = 1;
export const VERDICT_REJECT = 2;

export interface VerdictOp {
  /** 0: the frame had no ref. */
  request: number;
  session: number;
  subscription: number;
  topicNo: number;
  verdict: number;
  /** By sequence; 0: by message id. */
  sequence: number;
  /** 16 bytes; null: by sequence. */
  messageId: Uint8Array | null;
  /** Delay of a nack, time of an extend; null: not named. */
  ms: number | null;
  reason: string | null;
}

export function packVerdict(to: PackWriter, op: VerdictOp): void {
  to.begin(OP_VERDICT, 3 * (op.reason?.length ?? 0));
  to.u32(op.request);
  to.u32(op.session);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.verdict);
  to.f64(op.sequence);
  to.f64(op.ms ?? -1);
  to.textOrNull(op.reason);
  if (op.messageId !== null) to.bytes16(op.messageId);
}

export function readVerdict(from: PackReader): VerdictOp {
  const op: VerdictOp = {
    request: from.u32(),
    session: from.u32(),
    subscription: from.u32(),
    topicNo: from.u32(),
    verdict: from.u8(),
    sequence: from.f64(),
    messageId: null,
    ms: from.f64(),
    reason: from.textOrNull(),
  };
  if (op.ms === -1) op.ms = null;
  if (op.sequence === 0) op.messageId = from.bytes16();
  return op;
}

// ---- LEFT: a session's socket refused a frame; it is out of the group and must be fed from here ----
/** `lastSequence` is the last one that reached the socket. DRAINED follows when it takes more. */
export interface LeftOp {
  subscription: number;
  topicNo: number;
  lastSequence: number;
}

export function packLeft(to: PackWriter, op: LeftOp): void {
  to.begin(OP_LEFT, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.f64(op.lastSequence);
}

export function readLeft(from: PackReader): LeftOp {
  return { subscription: from.u32(), topicNo: from.u32(), lastSequence: from.f64() };
}

// ---- DRAINED: the session takes pages again. Sent once per DELIVER handled without LEFT, and once
//      after a LEFT when the socket is empty enough; it is the credit of an addressed page ----
export interface DrainedOp {
  subscription: number;
  topicNo: number;
}

export function packDrained(to: PackWriter, op: DrainedOp): void {
  to.begin(OP_DRAINED, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
}

export function readDrained(from: PackReader): DrainedOp {
  return { subscription: from.u32(), topicNo: from.u32() };
}

// ---- CREDIT: bytes of DELIVER and DELIVER_GROUP the acceptor has handed to its sockets ----
export function packCredit(to: PackWriter, bytes: number): void {
  to.begin(OP_CREDIT, 0);
  to.f64(bytes);
}

export function readCredit(from: PackReader): number {
  return from.f64();
}

// ---- CALL: a control request (topics, position, browse, stats); answered by REPLY ----
export interface CallOp {
  request: number;
  method: string;
  /** JSON text of the arguments. */
  args: string;
}

export function packCall(to: PackWriter, op: CallOp): void {
  to.begin(OP_CALL, 3 * (op.method.length + op.args.length));
  to.u32(op.request);
  to.text(op.method);
  to.longText(op.args);
}

export function readCall(from: PackReader): CallOp {
  return { request: from.u32(), method: from.text(), args: from.longText() };
}

// ---- PUBLISHED: committed (or a duplicate of what was) ----
export interface PublishedOp {
  request: number;
  duplicate: boolean;
  sequence: number;
  publishedAtMs: number;
  subscribers: number;
  /** 16 bytes. */
  messageId: Uint8Array;
  epoch: string;
}

export function packPublished(to: PackWriter, op: PublishedOp): void {
  to.begin(OP_PUBLISHED, 3 * op.epoch.length);
  to.u32(op.request);
  to.u8(op.duplicate ? 1 : 0);
  to.f64(op.sequence);
  to.f64(op.publishedAtMs);
  to.u32(op.subscribers);
  to.bytes16(op.messageId);
  to.text(op.epoch);
}

export function readPublished(from: PackReader): PublishedOp {
  return {
    request: from.u32(),
    duplicate: from.u8() === 1,
    sequence: from.f64(),
    publishedAtMs: from.f64(),
    subscribers: from.u32(),
    messageId: from.bytes16(),
    epoch: from.name(),
  };
}

// ---- DEFERRED: a deferred publish is in the outbox, or repeats one that was ----
export interface DeferredOp {
  request: number;
  /** It repeats the first one under its dedupe key, which this is the answer of. */
  duplicate: boolean;
  deferredId: number;
  deliverAtMs: number;
  /** Where a repeated one is in the log by now; 0: it still waits. */
  sequence: number;
  publishedAtMs: number;
  /** 16 bytes; zeros while it waits. */
  messageId: Uint8Array;
}

export function packDeferred(to: PackWriter, op: DeferredOp): void {
  to.begin(OP_DEFERRED, 0);
  to.u32(op.request);
  to.u8(op.duplicate ? 1 : 0);
  to.f64(op.deferredId);
  to.f64(op.deliverAtMs);
  to.f64(op.sequence);
  to.f64(op.publishedAtMs);
  to.bytes16(op.messageId);
}

export function readDeferred(from: PackReader): DeferredOp {
  return {
    request: from.u32(),
    duplicate: from.u8() === 1,
    deferredId: from.f64(),
    deliverAtMs: from.f64(),
    sequence: from.f64(),
    publishedAtMs: from.f64(),
    messageId: from.bytes16(),
  };
}

// ---- FAILED: the answer to any request that did not succeed ----
export interface FailedOp {
  /** 0 only for an ACK without ref: then `session` says whose. */
  request: number;
  session: number;
  code: ErrorCode;
  detail: string;
  field: string | null;
}

export function packFailed(to: PackWriter, op: FailedOp): void {
  to.begin(OP_FAILED, 3 * (op.detail.length + (op.field?.length ?? 0)));
  to.u32(op.request);
  to.u32(op.session);
  to.u16(ERRORS[op.code].id);
  to.text(op.detail);
  to.textOrNull(op.field);
}

export function readFailed(from: PackReader): FailedOp {
  return {
    request: from.u32(),
    session: from.u32(),
    code: errorCodeById(from.u16()),
    detail: from.text(),
    field: from.textOrNull(),
  };
}

// ---- DELIVER_GROUP: joined message frames for all sessions that joined (topicNo, encoding) ----
export interface DeliverGroupOp {
  topicNo: number;
  encoding: Encoding;
  firstSequence: number;
  lastSequence: number;
  /** Joined frames, at most 64 messages; see wire/server-frame. */
  frames: Uint8Array;
}

export function packDeliverGroup(to: PackWriter, op: DeliverGroupOp): void {
  to.begin(OP_DELIVER_GROUP, op.frames.length);
  to.u32(op.topicNo);
  to.u8(op.encoding);
  to.f64(op.firstSequence);
  to.f64(op.lastSequence);
  to.blob(op.frames);
}

export function readDeliverGroup(from: PackReader): DeliverGroupOp {
  return {
    topicNo: from.u32(),
    encoding: from.u8() as Encoding,
    firstSequence: from.f64(),
    lastSequence: from.f64(),
    frames: from.blob(),
  };
}

// ---- DELIVER: the same for one session: a page of its catch-up. Answered by DRAINED or LEFT ----
// Rounds. A subscription's `round` starts at 0 at SUBSCRIBED; the acceptor adds 1 (mod 65,536) when it
// packs a LEFT for it, the worker when it reads that LEFT. A DELIVER or JOIN of another round was packed
// before the worker knew of the LEFT: the acceptor discards it (its bytes are still credited) and
// answers nothing. At most one DELIVER of a subscription is under way.
export interface DeliverOp {
  subscription: number;
  topicNo: number;
  round: number;
  firstSequence: number;
  lastSequence: number;
  /** Joined frames; may be empty when every message of the range has expired. */
  frames: Uint8Array;
}

export function packDeliver(to: PackWriter, op: DeliverOp): void {
  to.begin(OP_DELIVER, op.frames.length);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u16(op.round);
  to.f64(op.firstSequence);
  to.f64(op.lastSequence);
  to.blob(op.frames);
}

export function readDeliver(from: PackReader): DeliverOp {
  return {
    subscription: from.u32(),
    topicNo: from.u32(),
    round: from.u16(),
    firstSequence: from.f64(),
    lastSequence: from.f64(),
    frames: from.blob(),
  };
}

// ---- GIVE: messages that are not the next page: redeliveries, and all messages of a subscription that
//      several sessions share. They move no cursor. Answered by GIVEN; one at a time is under way ----
export interface GiveOp {
  subscription: number;
  topicNo: number;
  /** Joined frames, one message each, at most 64. */
  frames: Uint8Array;
}

export function packGive(to: PackWriter, op: GiveOp): void {
  to.begin(OP_GIVE, op.frames.length);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.blob(op.frames);
}

export function readGive(from: PackReader): GiveOp {
  return { subscription: from.u32(), topicNo: from.u32(), frames: from.blob() };
}

// ---- GIVEN: how much of a GIVE the socket took. Sent when it has room for more ----
export interface GivenOp {
  subscription: number;
  topicNo: number;
  /** Messages from its start; Infinity: all. */
  taken: number;
}

export function packGiven(to: PackWriter, op: GivenOp): void {
  to.begin(OP_GIVEN, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.f64(op.taken);
}

export function readGiven(from: PackReader): GivenOp {
  return { subscription: from.u32(), topicNo: from.u32(), taken: from.f64() };
}

// ---- PROBE: are all bytes sent to this subscription's socket on their way? Answered by PROBED when they
//      are: what has not left the node cannot have been acknowledged ----
export interface ProbeOp {
  subscription: number;
  topicNo: number;
}

export function packProbe(to: PackWriter, op: ProbeOp): void {
  to.begin(OP_PROBE, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
}

export function readProbe(from: PackReader): ProbeOp {
  return { subscription: from.u32(), topicNo: from.u32() };
}

export interface ProbedOp extends ProbeOp {
  /** The socket was empty when it was asked. */
  wasEmpty: boolean;
}

export function packProbed(to: PackWriter, op: ProbedOp): void {
  to.begin(OP_PROBED, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.wasEmpty ? 1 : 0);
}

export function readProbed(from: PackReader): ProbedOp {
  return { subscription: from.u32(), topicNo: from.u32(), wasEmpty: from.u8() === 1 };
}

// ---- JOIN: the session enters the group of (topicNo, its encoding); LEAVE: it leaves, if it is in it.
//      Nothing was published to the group between the session's last page and its JOIN ----
export interface JoinOp {
  subscription: number;
  topicNo: number;
  round: number;
}

export function packJoin(to: PackWriter, op: JoinOp): void {
  to.begin(OP_JOIN, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u16(op.round);
}

export function readJoin(from: PackReader): JoinOp {
  return { subscription: from.u32(), topicNo: from.u32(), round: from.u16() };
}

export interface LeaveOp {
  subscription: number;
  topicNo: number;
}

export function packLeave(to: PackWriter, op: LeaveOp): void {
  to.begin(OP_LEAVE, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
}

export function readLeave(from: PackReader): LeaveOp {
  return { subscription: from.u32(), topicNo: from.u32() };
}

// ---- SUBSCRIBED: the live feed is attached; frames for it may only follow this. With `request` 0 it
//      tells a subscription that is open that the log lost what it had not been given (`gap`) ----
export interface SubscribedOp {
  request: number;
  subscription: number;
  topicNo: number;
  /** CRC32 of the topic's id mod 4096: what rand_a of its message ids carries. */
  idTag: number;
  /** Head of the topic when it was attached. */
  sequence: number;
  /** Last sequence that it is not going to be given, since it has it, or cannot have it. */
  delivered: number;
  epoch: string;
  /** null: nothing was asked for that could be missing. */
  recovered: boolean | null;
  gap: { from: number; to: number; reason: string } | null;
}

export function packSubscribed(to: PackWriter, op: SubscribedOp): void {
  const gap = op.gap === null ? null : JSON.stringify(op.gap);
  to.begin(OP_SUBSCRIBED, 3 * (op.epoch.length + (gap?.length ?? 0)));
  to.u32(op.request);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u16(op.idTag);
  to.f64(op.sequence);
  to.f64(op.delivered);
  to.text(op.epoch);
  to.u8(op.recovered === null ? 2 : op.recovered ? 1 : 0);
  to.textOrNull(gap);
}

export function readSubscribed(from: PackReader): SubscribedOp {
  const request = from.u32();
  const subscription = from.u32();
  const topicNo = from.u32();
  const idTag = from.u16();
  const sequence = from.f64();
  const delivered = from.f64();
  const epoch = from.text();
  const recovered = from.u8();
  const gap = from.textOrNull();
  return {
    request,
    subscription,
    topicNo,
    idTag,
    sequence,
    delivered,
    epoch,
    recovered: recovered === 2 ? null : recovered === 1,
    gap: gap === null ? null : (JSON.parse(gap) as SubscribedOp['gap']),
  };
}

// ---- UNSUBSCRIBED: the end of one subscription, asked for (`request` not 0) or not ----
export const UNSUBSCRIBED_ASKED = 0;
export const UNSUBSCRIBED_TOPIC_DELETED = 1;
/** Another session took the durable subscription for itself, or another node did. */
export const UNSUBSCRIBED_TAKEN_OVER = 2;
/** The durable subscription was deleted. */
export const UNSUBSCRIBED_DELETED = 3;

export interface UnsubscribedOp {
  request: number;
  subscription: number;
  topicNo: number;
  reason: number;
}

export function packUnsubscribed(to: PackWriter, op: UnsubscribedOp): void {
  to.begin(OP_UNSUBSCRIBED, 0);
  to.u32(op.request);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.reason);
}

export function readUnsubscribed(from: PackReader): UnsubscribedOp {
  return { request: from.u32(), subscription: from.u32(), topicNo: from.u32(), reason: from.u8() };
}

// ---- CAUGHT_UP: a subscription that started behind has been given everything up to `sequence` ----
export interface CaughtUpOp {
  subscription: number;
  topicNo: number;
  sequence: number;
}

export function packCaughtUp(to: PackWriter, op: CaughtUpOp): void {
  to.begin(OP_CAUGHT_UP, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.f64(op.sequence);
}

export function readCaughtUp(from: PackReader): CaughtUpOp {
  return { subscription: from.u32(), topicNo: from.u32(), sequence: from.f64() };
}

// ---- ACKED: the answer to an ACK with a request number ----
export function packAcked(to: PackWriter, request: number): void {
  to.begin(OP_ACKED, 0);
  to.u32(request);
}

export function readAcked(from: PackReader): number {
  return from.u32();
}

// ---- ACK_CREDIT: acknowledgements the worker has handled ----
export function packAckCredit(to: PackWriter, acks: number): void {
  to.begin(OP_ACK_CREDIT, 0);
  to.u32(acks);
}

export function readAckCredit(from: PackReader): number {
  return from.u32();
}

// ---- REPLY: the answer to a CALL that succeeded ----
export interface ReplyOp {
  request: number;
  /** JSON text of the result. */
  result: string;
  /** Bytes beside it that are to be sent as they are; may be empty. */
  body: Uint8Array;
}

export function packReply(to: PackWriter, op: ReplyOp): void {
  to.begin(OP_REPLY, 3 * op.result.length + op.body.length);
  to.u32(op.request);
  to.longText(op.result);
  to.blob(op.body);
}

export function readReply(from: PackReader): ReplyOp {
  return { request: from.u32(), result: from.longText(), body: from.blob() };
}
