/** What a client's frame says, read out of a scanned map; the same for JSON and msgpack. */
import { CLIENT_CHARS_MAX } from '../core/client-name.js';
import { RequestError } from '../core/errors.js';
import { LIMITS, type Limits } from '../core/limits.js';
import { quoteShort } from '../core/quote.js';
import { TOKEN_CHARS_MAX } from '../core/token.js';
import { parseUuid, readUuid } from '../core/uuid.js';
import { FieldSpans } from './field-spans.js';
import {
  choiceField,
  delayRange,
  duplicateKey,
  FIELD,
  type Fields,
  flagField,
  has,
  integerField,
  invalidField,
  refuseRepeated,
  textField,
} from './fields.js';
import type { ClientFrame, DeliveryTarget, Ref, SubscribeFrame } from './frame-types.js';
import { NameTable } from './name-table.js';
import { readPublish } from './publish-fields.js';
import { type StartPosition, startOf } from './start.js';
import { subscriptionField, topicField } from './topic-text.js';

export const REF_CHARS_MAX = 255;
const REF_RULE =
  `ref must be a string of at most ${REF_CHARS_MAX} characters, an integer within +-(2^53-1), ` +
  'or a fraction that a float64 holds as sent';
export const REASON_CHARS_MAX = 1024;
const UUID_BYTES = 36;

const ACK_MODES = ['explicit', 'none'] as const;
const ORDERINGS = ['none', 'key', 'topic'] as const;

const TYPES = [
  'ack',
  'publish',
  'heartbeat',
  'subscribe',
  'unsubscribe',
  'nack',
  'extend',
  'reject',
  'refresh',
  'hello',
] as const;
type FrameType = (typeof TYPES)[number];
const typeNames = new NameTable(TYPES);

const START = { from: 0, sequence: 1, epoch: 2, time: 3 } as const;
const startSpans = new FieldSpans(new NameTable(Object.keys(START)));

/**
 * The frame in `fields`, `frameBytes` long. Throws RequestError for the first field that is missing or
 * wrong, unknown_type, or frame_too_large for all but a publish, whose payload has a bound of its own.
 */
export function readFrame(fields: Fields, frameBytes: number, limits: Limits): ClientFrame {
  refuseRepeated(fields.spans);
  const type = readType(fields);
  if (type === 'publish') {
    return { type, ref: readRef(fields), publish: readPublish(fields, limits) };
  }
  if (frameBytes > limits.frameBytesMax) {
    const detail = `the frame has ${frameBytes} bytes, at most ${limits.frameBytesMax} (FRAME_BYTES_MAX)`;
    throw new RequestError('frame_too_large', detail);
  }
  const ref = readRef(fields);
  switch (type) {
    case 'subscribe':
      return readSubscribe(fields, ref, limits);
    case 'unsubscribe': {
      const topic = topicField(fields, limits);
      return { type, ref, topic, subscription: subscriptionField(fields, limits) };
    }
    case 'heartbeat':
      return { type, ref };
    case 'refresh':
      return { type, ref, token: readToken(fields) };
    case 'hello':
      return { type, ref, ...readClient(fields) };
    default:
      return readVerdict(fields, type, ref, limits);
  }
}

function readType(fields: Fields): FrameType {
  const { bytes, reader, spans } = fields;
  const from = spans.start(FIELD.type);
  if (from < 0) throw new RequestError('unknown_type', 'type is missing', 'type');
  const to = spans.end(FIELD.type);
  const start = reader.textStart(bytes, from);
  if (start < 0) throw new RequestError('unknown_type', 'type must be a string', 'type');
  const known = TYPES[typeNames.find(bytes, start, to - reader.textTail)];
  if (known !== undefined) return known;
  const text = reader.text(bytes, from, to) ?? '';
  const escaped = TYPES[typeNames.findText(text)];
  if (escaped !== undefined) return escaped;
  throw new RequestError('unknown_type', `type ${quoteShort(text)} is not known`, 'type');
}

/** Throws RequestError invalid_field if there is a ref that is none. */
export function readRef(fields: Fields): Ref {
  const { bytes, reader, spans } = fields;
  const from = spans.start(FIELD.ref);
  if ((spans.repeated & (1 << FIELD.ref)) !== 0) throw duplicateKey('ref');
  if (from < 0 || reader.isNull(bytes, from)) return null;
  const to = spans.end(FIELD.ref);
  const mark = reader.mark(bytes, from, to);
  if (typeof mark === 'bigint' || (mark !== null && isExact(mark))) return mark;
  // Six bytes are the longest escape of one character.
  const text = to - from <= REF_CHARS_MAX * 6 + 2 ? reader.text(bytes, from, to) : null;
  if (text !== null && text.length <= REF_CHARS_MAX) return text;
  throw invalidField('ref', REF_RULE);
}

/** False: it was rounded, or may have been. */
export function isExact(number: number): boolean {
  return Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number));
}

function readSubscribe(fields: Fields, ref: Ref, limits: Limits): SubscribeFrame {
  return {
    type: 'subscribe',
    ref,
    topic: topicField(fields, limits),
    subscription: subscriptionField(fields, limits),
    ack: choiceField(fields, FIELD.ack, ACK_MODES),
    maxInFlight: integerField(fields, FIELD.max_in_flight, LIMITS.inFlightMax),
    start: readStart(fields),
    ackWaitMs: integerField(fields, FIELD.ack_wait_ms, LIMITS.ackWaitMs),
    maxDeliver: integerField(fields, FIELD.max_deliver, LIMITS.maxDeliver),
    ordering: choiceField(fields, FIELD.ordering, ORDERINGS),
    exclusive: flagField(fields, FIELD.exclusive),
  };
}

function readToken(fields: Fields): string {
  const token = textField(fields, FIELD.token);
  if (token === null) throw invalidField('token', 'token must be given');
  if (token.length <= TOKEN_CHARS_MAX) return token;
  throw invalidField('token', `token has more than ${TOKEN_CHARS_MAX} characters`);
}

function readClient(fields: Fields): { client: string; version: string | null } {
  const client = textField(fields, FIELD.client) ?? '';
  const version = textField(fields, FIELD.version);
  if (client === '') throw invalidField('client', 'client must be given');
  if (Math.max(client.length, version?.length ?? 0) <= CLIENT_CHARS_MAX) return { client, version };
  const field = client.length > CLIENT_CHARS_MAX ? 'client' : 'version';
  throw invalidField(field, `${field} has more than ${CLIENT_CHARS_MAX} characters`);
}

function badCursor(detail: string): RequestError {
  return new RequestError('bad_cursor', detail, 'start');
}

function readStart(fields: Fields): StartPosition | null {
  if (!has(fields, FIELD.start)) return null;
  const { bytes, reader, spans } = fields;
  const place = FIELD.start;
  if (!reader.fields(bytes, spans.start(place), spans.end(place), startSpans)) {
    throw badCursor('start must be an object');
  }
  refuseRepeated(startSpans, 'start.');
  const start = { bytes, reader, spans: startSpans };
  const parts = {
    from: startText(start, 'from'),
    sequence: startSequence(start),
    epoch: startText(start, 'epoch'),
    time: startText(start, 'time'),
  };
  return startOf(parts, (part, detail) => badCursor(`start.${part} ${detail}`));
}

function startText(start: Fields, part: 'from' | 'epoch' | 'time'): string | null {
  const place = START[part];
  if (!has(start, place)) return null;
  const { bytes, reader, spans } = start;
  const text = reader.text(bytes, spans.start(place), spans.end(place));
  if (text === null) throw badCursor(`start.${part} must be a string`);
  return text;
}

function startSequence(start: Fields): number | null {
  if (!has(start, START.sequence)) return null;
  const { bytes, reader, spans } = start;
  const value = reader.number(bytes, spans.start(START.sequence), spans.end(START.sequence));
  if (value === null || !Number.isSafeInteger(value) || value < 0) {
    throw badCursor('start.sequence must be an integer from 0 to 2^53-1');
  }
  return value + 0;
}

function readVerdict(
  fields: Fields,
  type: 'ack' | 'nack' | 'extend' | 'reject',
  ref: Ref,
  limits: Limits,
): ClientFrame {
  const { messageId, topic, sequence, subscription } = readTarget(fields, limits);
  switch (type) {
    case 'ack': {
      const cumulative = flagField(fields, FIELD.cumulative);
      if (cumulative && messageId !== null) {
        throw invalidField('cumulative', 'cumulative needs topic and sequence, not message_id');
      }
      return { type, ref, messageId, topic, sequence, subscription, cumulative };
    }
    case 'nack': {
      const delayMs = integerField(fields, FIELD.delay_ms, delayRange(limits));
      const reason = readReason(fields);
      return { type, ref, messageId, topic, sequence, subscription, delayMs, reason };
    }
    case 'extend': {
      const ms = integerField(fields, FIELD.ms, LIMITS.ackWaitMs);
      return { type, ref, messageId, topic, sequence, subscription, ms };
    }
    case 'reject':
      return { type, ref, messageId, topic, sequence, subscription, reason: readReason(fields) };
  }
}

function readTarget(fields: Fields, limits: Limits): DeliveryTarget {
  const subscription = subscriptionField(fields, limits);
  if (has(fields, FIELD.message_id)) {
    const topic = has(fields, FIELD.topic) ? topicField(fields, limits) : null;
    return { messageId: readMessageId(fields), topic, sequence: 0, subscription };
  }
  if (!has(fields, FIELD.sequence)) {
    throw invalidField('message_id', 'message_id, or topic and sequence, must be given');
  }
  const topic = topicField(fields, limits);
  return { messageId: null, topic, sequence: readSequence(fields), subscription };
}

function readMessageId(fields: Fields): Uint8Array {
  const { bytes, reader, spans } = fields;
  const from = spans.start(FIELD.message_id);
  const to = spans.end(FIELD.message_id);
  const start = reader.textStart(bytes, from);
  const isPlain = start >= 0 && to - reader.textTail - start === UUID_BYTES;
  const id = isPlain ? readUuid(bytes, start) : parseUuid(reader.text(bytes, from, to) ?? '');
  if (id === null) {
    throw new RequestError('unknown_delivery', 'no such delivery', 'message_id');
  }
  return id;
}

function readSequence(fields: Fields): number {
  const { bytes, reader, spans } = fields;
  const from = spans.start(FIELD.sequence);
  const value = reader.number(bytes, from, spans.end(FIELD.sequence));
  if (value === null) throw invalidField('sequence', 'sequence must be an integer');
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RequestError('unknown_delivery', 'no such delivery', 'sequence');
  }
  return value;
}

function readReason(fields: Fields): string | null {
  const reason = textField(fields, FIELD.reason);
  if (reason !== null && reason.length > REASON_CHARS_MAX) {
    throw invalidField('reason', `reason has more than ${REASON_CHARS_MAX} characters`);
  }
  return reason;
}
