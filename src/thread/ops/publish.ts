/** A publish and what becomes of it: PUBLISH, answered by PUBLISHED, DEFERRED or FAILED. */
import type { DeferredPublish } from '../../core/deferred-record.js';
import type { ContentType, Publication } from '../../core/message.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_DEFERRED, OP_PUBLISH, OP_PUBLISHED } from './opcodes.js';

// ---- PUBLISH: answered by PUBLISHED, DEFERRED or FAILED with the same `request` ----
/** A publish on its way; `request` is the acceptor's number for its answer. */
export interface PublishOp extends Publication {
  request: number;
  topic: TopicKey;
  /** Deferred until this many ms after its commit, by the database's clock; 0: not. */
  delayMs: number;
  /** Deferred until this Unix ms; 0: not. */
  deliverAtMs: number;
}

const PUBLISH_HAS_EXTRAS = 1;

export function packPublish(
  to: PackWriter,
  request: number,
  topic: TopicKey,
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
  to.name(topic);
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
  const topic = from.topicKey();
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
  to.name(op.epoch);
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
export interface DeferredOp extends DeferredPublish {
  request: number;
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
