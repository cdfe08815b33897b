/** POST /api/publish and POST /api/publish/batch. */
import type { HttpRequest } from 'uWebSockets.js';
import { ERRORS, RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import { type TraceContext, traceContext, withContext } from '../../core/trace-context.js';
import type { RunningSpan } from '../../observe/spans.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { FailedOp } from '../../thread/ops/failed.js';
import type { DeferredOp, PublishedOp } from '../../thread/ops/publish.js';
import {
  decodeBinaryEvent,
  type HeaderPair,
  readAttributes,
} from '../../wire/cloud-event-headers.js';
import { decodeEvent, decodeEvents } from '../../wire/cloud-event-json.js';
import { errorItem } from '../../wire/problem.js';
import type { BatchItem, PublishRequest } from '../../wire/publish.js';
import {
  decodeBatchJson,
  decodeBatchMsgpack,
  decodeBatchNdjson,
  decodePublishJson,
  decodePublishMsgpack,
  isDedupeKey,
} from '../../wire/publish.js';
import { publishedJson, publishedMsgpack } from '../../wire/result.js';
import { batchItemView, batchView } from '../../wire/views/batch-view.js';
import { deferredPublishView } from '../../wire/views/deferred-view.js';
import type { Bodies } from '../http/bodies.js';
import {
  BATCH_TYPES,
  bodyType,
  EVENT_TYPES,
  PUBLISH_TYPES,
  refuseEncoded,
  refuseRepeated,
} from '../http/body-type.js';
import { type AnswerHead, type Exchange, faultOfOurs } from '../http/exchange.js';
import {
  CONTENT_TYPE,
  IDEMPOTENCY_KEY,
  MSGPACK_TYPE,
  TRACEPARENT,
  TRACESTATE,
} from '../http/header-bytes.js';
import { PendingRequest } from '../workers/pending-requests.js';
import type { PublishGate } from '../workers/publish-gate.js';

const MSGPACK_HEAD: AnswerHead = { type: MSGPACK_TYPE, headers: null };

export interface PublishRoutesOptions {
  publishing: PublishGate;
  limits: Limits;
  bodies: Bodies;
}

export class PublishRoutes {
  readonly #options: PublishRoutesOptions;

  constructor(options: PublishRoutesOptions) {
    this.#options = options;
  }

  publish(exchange: Exchange, req: HttpRequest): void {
    const { limits, publishing, bodies } = this.#options;
    const type = bodyType(req, PUBLISH_TYPES);
    const idempotencyKey = readIdempotencyKey(req, limits);
    const trace = readTrace(req);
    const bound = { bytesMax: limits.publishBodyBytesMax, name: 'PUBLISH_BODY_BYTES_MAX' };
    const use = (body: Uint8Array): void => {
      const publish =
        type === 'json' ? decodePublishJson(body, limits) : decodePublishMsgpack(body, limits);
      if (idempotencyKey !== null) setDedupeKey(publish, idempotencyKey);
      if (trace !== null) publish.headers = withContext(publish.headers, trace, limits);
      publishing.send(
        exchange.principal,
        publish,
        (link, bytes) => new HttpPublish(link, bytes, exchange, publish.topic, type),
      );
      exchange.kind = 'writes';
    };
    bodies.read(exchange, bound, use);
  }

  batch(exchange: Exchange, req: HttpRequest): void {
    const { limits, bodies } = this.#options;
    refuseRepeated(req);
    const type = bodyType(req, BATCH_TYPES);
    const of = { idempotencyKey: readIdempotencyKey(req, limits), trace: readTrace(req) };
    const bound = { bytesMax: limits.batchBodyBytesMax, name: 'BATCH_BODY_BYTES_MAX' };
    const decode = {
      json: decodeBatchJson,
      msgpack: decodeBatchMsgpack,
      ndjson: decodeBatchNdjson,
    };
    const use = (body: Uint8Array): void => {
      this.#sendBatch(exchange, decode[type](body, limits), of);
    };
    bodies.read(exchange, bound, use);
  }

  /** CloudEvents: one in headers and body, one in JSON, or a list. */
  events(exchange: Exchange, req: HttpRequest, topic: string): void {
    const { limits, bodies } = this.#options;
    refuseRepeated(req);
    // Before anything is said of what it brings.
    exchange.principal.keyOf(topic);
    const contentType = req.getHeader(CONTENT_TYPE);
    const trace = readTrace(req);
    const batch = { bytesMax: limits.batchBodyBytesMax, name: 'BATCH_BODY_BYTES_MAX' };
    const single = { bytesMax: limits.publishBodyBytesMax, name: 'PUBLISH_BODY_BYTES_MAX' };
    if (!contentType.toLowerCase().startsWith('application/cloudevents')) {
      refuseEncoded(req);
      const headers: HeaderPair[] = [];
      req.forEach((name, value) => {
        headers.push([name, value]);
      });
      const attributes = readAttributes(headers, contentType);
      bodies.read(exchange, single, (body) => {
        this.#send(exchange, decodeBinaryEvent(body, { topic, attributes }, limits), trace);
      });
    } else if (bodyType(req, EVENT_TYPES) === 'events') {
      bodies.read(exchange, batch, (body) => {
        const of = { idempotencyKey: null, trace };
        this.#sendBatch(exchange, decodeEvents(body, topic, limits), of);
      });
    } else {
      bodies.read(exchange, single, (body) => {
        this.#send(exchange, decodeEvent(body, topic, limits), trace);
      });
    }
  }

  #send(exchange: Exchange, publish: PublishRequest, trace: TraceContext | null): void {
    const { limits } = this.#options;
    if (trace !== null) publish.headers = withContext(publish.headers, trace, limits);
    this.#options.publishing.send(
      exchange.principal,
      publish,
      (link, bytes) => new HttpPublish(link, bytes, exchange, publish.topic, 'json'),
    );
    exchange.kind = 'writes';
  }

  #sendBatch(
    exchange: Exchange,
    items: BatchItem[],
    { idempotencyKey, trace }: { idempotencyKey: string | null; trace: TraceContext | null },
  ): void {
    const { publishing, limits } = this.#options;
    publishing.admit(exchange.principal, items);
    exchange.kind = 'writes';
    if (trace !== null) {
      for (const item of items) {
        if (item instanceof RequestError) continue;
        item.headers = withContext(item.headers, trace, limits);
      }
    }
    const batch = new Batch(exchange, items.length, this.#batchSpan(exchange, items));
    items.forEach((item, index) => {
      if (item instanceof RequestError) {
        batch.failed(index, { code: item.code, detail: item.message, field: item.field ?? null });
        return;
      }
      try {
        if (idempotencyKey !== null) setDedupeKey(item, `${idempotencyKey}:${index}`);
        publishing.sendAdmitted(
          exchange.principal,
          item,
          (link, bytes) => new BatchItemWaiting(link, bytes, batch, index, item.topic),
        );
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        batch.failed(index, {
          code: error.code,
          detail: error.message,
          field: error.field ?? null,
        });
      }
    });
    batch.allSent();
  }

  #batchSpan({ principal }: Exchange, items: readonly BatchItem[]): RunningSpan | null {
    const { traces } = this.#options.publishing;
    if (traces === null) return null;
    const publishes = items.flatMap((item) => (item instanceof RequestError ? [] : [item]));
    return publishes.length === 0 ? null : traces.begin(principal.tenant, publishes);
  }
}

/** Null: there is none, or it is not valid, as for nobody. */
function readTrace(req: HttpRequest): TraceContext | null {
  const traceparent = req.getHeader(TRACEPARENT);
  return traceparent === '' ? null : traceContext(traceparent, req.getHeader(TRACESTATE));
}

/** `"key"` or `key`; null without the header. Throws dedupe_key_invalid. */
function readIdempotencyKey(req: HttpRequest, limits: Limits): string | null {
  const header = req.getHeader(IDEMPOTENCY_KEY);
  if (header === '') return null;
  const key =
    header.length > 1 && header.startsWith('"') && header.endsWith('"')
      ? header.slice(1, -1)
      : header;
  if (isDedupeKey(key, limits.dedupeKeyBytesMax)) return key;
  const detail = `1 to ${limits.dedupeKeyBytesMax} bytes (DEDUPE_KEY_BYTES_MAX) without control characters`;
  throw new RequestError('dedupe_key_invalid', detail, 'Idempotency-Key');
}

function setDedupeKey(publish: PublishRequest, key: string): void {
  if (publish.dedupeKey !== null && publish.dedupeKey !== key) {
    const detail = 'dedupe_key and Idempotency-Key are both given, and differ';
    throw new RequestError('dedupe_key_invalid', detail, 'dedupe_key');
  }
  publish.dedupeKey = key;
}

type Failure = Pick<FailedOp, 'code' | 'detail' | 'field'>;

/** A single publish that waits for its commit. */
class HttpPublish extends PendingRequest {
  readonly #exchange: Exchange;
  readonly #topic: string;
  readonly #type: string;

  constructor(
    link: AcceptorLinkEnd,
    bytes: number,
    exchange: Exchange,
    topic: string,
    type: string,
  ) {
    super(link, bytes);
    this.#exchange = exchange;
    this.#topic = topic;
    this.#type = type;
  }

  override published(op: PublishedOp): void {
    if (this.#type === 'msgpack') {
      this.#exchange.reply(200, publishedMsgpack(this.#topic, op), MSGPACK_HEAD);
    } else {
      this.#exchange.reply(200, publishedJson(this.#topic, op));
    }
  }

  override deferred(op: DeferredOp): void {
    this.#exchange.json(202, deferredPublishView(op, this.#topic));
  }

  override failed(failure: Failure): void {
    this.#exchange.failWith(failure);
  }

  override broken(): void {
    this.#exchange.fail(faultOfOurs());
  }
}

/** The results of one batch, each in the place of its message; answered when the last one is there. */
class Batch {
  readonly #exchange: Exchange;
  readonly #results: string[];
  #missing: number;
  #stored = 0;
  #firstFailure: Failure | null = null;
  #sent = false;
  readonly #span: RunningSpan | null;

  constructor(exchange: Exchange, size: number, span: RunningSpan | null) {
    this.#exchange = exchange;
    this.#span = span;
    this.#results = new Array<string>(size).fill('');
    this.#missing = size;
  }

  stored(index: number, result: string): void {
    this.#stored++;
    this.#put(index, result);
  }

  failed(index: number, failure: Failure): void {
    this.#firstFailure ??= failure;
    const item = errorItem(failure.code, failure.detail, failure.field ?? undefined);
    this.#put(index, JSON.stringify(item));
  }

  broken(): void {
    this.#exchange.fail(faultOfOurs());
  }

  /** Every message was sent or has failed: only now the answer may be given. */
  allSent(): void {
    this.#sent = true;
    if (this.#missing === 0) this.#answer();
  }

  #put(index: number, result: string): void {
    this.#results[index] = result;
    this.#missing--;
    if (this.#missing === 0 && this.#sent) this.#answer();
  }

  #answer(): void {
    const failure = this.#firstFailure;
    this.#span?.end({ 'conduit.stored': this.#stored }, failure?.code);
    const common = this.#stored === 0 && failure !== null && this.#allFailedAs(failure);
    if (common) this.#exchange.failWith(failure);
    else if (this.#stored === 0 && failure !== null && ERRORS[failure.code].status >= 500) {
      this.#exchange.failWith(failure);
    } else this.#exchange.reply(200, batchView(this.#results));
  }

  #allFailedAs(failure: Failure): boolean {
    const code = `{"error":{"code":"${failure.code}"`;
    return this.#results.every((result) => result.startsWith(code));
  }
}

class BatchItemWaiting extends PendingRequest {
  readonly #batch: Batch;
  readonly #index: number;
  readonly #topic: string;

  constructor(link: AcceptorLinkEnd, bytes: number, batch: Batch, index: number, topic: string) {
    super(link, bytes);
    this.#batch = batch;
    this.#index = index;
    this.#topic = topic;
  }

  override published(op: PublishedOp): void {
    this.#batch.stored(this.#index, batchItemView(this.#topic, op));
  }

  override deferred(op: DeferredOp): void {
    this.#batch.stored(this.#index, JSON.stringify(deferredPublishView(op, this.#topic)));
  }

  override failed(failure: Failure): void {
    this.#batch.failed(this.#index, failure);
  }

  override broken(): void {
    this.#batch.broken();
  }
}
