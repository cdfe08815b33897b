/**
 * A message that a webhook was given, as its request has it: made of a JSON message frame, without parsing
 * the payload.
 */

import type { WebhookFormat } from '../../core/webhook-record.js';
import { eventOfMessage } from '../../wire/event-of-message.js';
import { MESSAGE_ID_OFFSET_JSON } from '../../wire/server-frame.js';
import { deliveredAs } from '../delivery/publish-log.js';

const ID_CHARS = 36;
/** Between the id and the payload, beside the topic (wire/server-frame.ts). */
const AROUND_TOPIC = '","topic":"","payload":'.length;
/** Between the payload and the sequence: `,"published_at":"`, the time, `",`. */
const TIME_CHARS = 24;
const BEHIND_TIME = '",'.length;
const BEFORE_TIME = ',"published_at":"'.length;

export interface HookMessage {
  readonly sequence: number;
  readonly attempt: number;
  readonly messageId: string;
  /** RFC 3339, in ms. */
  readonly publishedAt: string;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>> | null;
  /** JSON: as it was published, or what msgpack comes to, of the frame's memory; or an event that has it. */
  readonly body: Buffer;
}

/** `frame`: one JSON message of this topic, to be kept as long as the message is. */
export function hookMessage(
  frame: Uint8Array,
  { topic, format }: { topic: string; format: WebhookFormat },
): HookMessage {
  const { sequence, attempt, at } = deliveredAs(frame);
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  const payloadAt = MESSAGE_ID_OFFSET_JSON + ID_CHARS + AROUND_TOPIC + topic.length;
  const timeAt = at - BEHIND_TIME - TIME_CHARS;
  const { key, headers } = moreOf(bytes.toString('utf8', at));
  const idAt = MESSAGE_ID_OFFSET_JSON;
  return {
    ...{ sequence, attempt, key, headers },
    messageId: bytes.toString('latin1', idAt, idAt + ID_CHARS),
    publishedAt: bytes.toString('latin1', timeAt, timeAt + TIME_CHARS),
    body:
      format === 'cloudevents'
        ? Buffer.from(eventOfMessage(frame))
        : bytes.subarray(payloadAt, timeAt - BEFORE_TIME),
  };
}

/** From the sequence on; headers are strings by the scanner that took them. */
function moreOf(end: string): Pick<HookMessage, 'key' | 'headers'> {
  const more: unknown = JSON.parse(`{${end}`);
  if (typeof more !== 'object' || more === null) throw new Error('a frame that is no object');
  const key = 'key' in more && typeof more.key === 'string' ? more.key : null;
  const isThere = 'headers' in more && typeof more.headers === 'object' && more.headers !== null;
  return { key, headers: isThere ? headersOf(Object(more.headers)) : null };
}

function headersOf(all: object): Record<string, string> {
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)]));
}
