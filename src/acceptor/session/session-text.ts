/** Frames as one session is sent them: in its format, or as CloudEvents. */

import {
  eventOfFrame,
  eventOfFrameText,
  eventOfMessage,
  type FrameForm,
} from '../../wire/event-of-message.js';
import { type PublishedPlace, type PublishMark, publishedFrame } from '../../wire/result.js';
import { encodeFrame, WIRE_JSON, WIRE_MSGPACK, type WireFormat } from '../../wire/server-frame.js';
import type { ServerFrame } from '../../wire/server-frame-types.js';
import { KIND_MSGPACK, type ReceiverKind } from '../delivery/receiver-kind.js';

/** What decides how. */
export interface Style {
  readonly kind: ReceiverKind;
  readonly form: FrameForm;
}

/** A frame that is no message. */
export function frameText({ kind, form }: Style, frame: ServerFrame): string | Uint8Array {
  return form === 'event' ? eventOfFrame(frame) : encodeFrame(formatOf(kind), frame);
}

/** The frame `published`, which is written by hand. */
export function publishedText(
  { kind, form }: Style,
  publish: PublishMark,
  published: PublishedPlace,
): string | Uint8Array {
  const text = publishedFrame(formatOf(kind), publish, published);
  return form === 'event' ? eventOfFrameText('published', String(text)) : text;
}

/** One `message` frame in JSON. */
export function messageText({ form }: Style, frame: string | Uint8Array): string | Uint8Array {
  return form === 'event' && typeof frame !== 'string' ? eventOfMessage(frame) : frame;
}

function formatOf(kind: ReceiverKind): WireFormat {
  return kind === KIND_MSGPACK ? WIRE_MSGPACK : WIRE_JSON;
}
