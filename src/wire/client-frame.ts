/**
 * WebSocket messages from clients: one frame, or several joined (JSON separated by 0x1E, msgpack maps
 * one after another). Runs on the acceptor's thread. The bytes of a publish's payload are a view of
 * the message; everything else is copied out before the sink is called.
 */
import { isUtf8 } from 'node:buffer';
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import { readUuid } from '../core/uuid.js';
import { type Fields, newFieldSpans } from './fields.js';
import { readFrame, readRef } from './frame-fields.js';
import type { ClientFrame, FrameSink, Ref } from './frame-types.js';
import { scanObject } from './json-object.js';
import { JSON_READER } from './json-reader.js';
import { jsonError, OPEN_BRACE, scanValue, skipSpace } from './json-scan.js';
import { isMap, MapScanner } from './msgpack-map.js';
import { MSGPACK_READER } from './msgpack-reader.js';
import { FRAME_SEPARATOR } from './server-frame.js';
import { asBuffer } from './value-reader.js';

export type * from './frame-types.js';

/**
 * After so many bad frames the rest of a message is not read. An error costs microseconds, and a
 * message can hold half a million one-byte frames.
 */
export const BAD_FRAMES_MAX = 64;

const ACK_HEAD = Uint8Array.from(Buffer.from('{"type":"ack","message_id":"'));
const ACK_TAIL = Uint8Array.from(Buffer.from('"}'));
const ACK_ID_BYTES = 36;
const ACK_BYTES = ACK_HEAD.length + ACK_ID_BYTES + ACK_TAIL.length;

const spans = newFieldSpans();
const scanner = new MapScanner();

/**
 * One message on its way through, in one go or in several. Each frame is given to `sink.frame` or
 * `sink.bad`, in order. A bad frame does not keep the next from being read, up to BAD_FRAMES_MAX; then
 * the sink is told that there is more. Throws only what the sink throws.
 */
export abstract class ClientMessage {
  readonly limits: Limits;
  /** Where the next frame begins. */
  protected at = 0;
  #bytes: Buffer;
  readonly #sink: FrameSink;
  #badLeft = BAD_FRAMES_MAX;

  constructor(message: Uint8Array, sink: FrameSink) {
    this.#bytes = asBuffer(message);
    this.limits = sink.limits;
    this.#sink = sink;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** All of it was read, or the sink wants no more of it. */
  get done(): boolean {
    return this.at >= this.#bytes.length || !this.#sink.wantsMore;
  }

  /** Reads at most so many frames more; gives how many it read. */
  read(count: number): number {
    let frames = 0;
    while (frames < count && this.#goesOn()) {
      this.at = this.frameAt(this.at);
      frames++;
    }
    return frames;
  }

  /** To be called before what is left is read in another turn: the bytes are the caller's until now. */
  keep(): void {
    this.#bytes = Buffer.from(this.#bytes);
  }

  frame(frame: ClientFrame): void {
    this.#sink.frame(frame);
  }

  /** Any other error than a RequestError is a bug and is thrown on. */
  bad(error: unknown, ref: Ref): void {
    if (!(error instanceof RequestError)) throw error;
    this.#badLeft--;
    this.#sink.bad(error, ref);
  }

  /** Reads the frame at `from`; gives where the next begins, or the end if that is unknown. */
  protected abstract frameAt(from: number): number;

  #goesOn(): boolean {
    if (this.done) return false;
    if (this.#badLeft > 0) return true;
    this.#sink.tooManyBad();
    return false;
  }
}

/** The ref of a frame that is bad for another reason; null when it cannot be read. */
function refOf(fields: Fields): Ref {
  try {
    return readRef(fields);
  } catch {
    return null;
  }
}

/** The sink is called outside the try: what it throws is not the client's fault. */
function take(run: ClientMessage, fields: Fields, frameBytes: number): void {
  let frame: ClientFrame;
  try {
    frame = readFrame(fields, frameBytes, run.limits);
  } catch (error) {
    run.bad(error, refOf(fields));
    return;
  }
  run.frame(frame);
}

/**
 * joined  several frames may stand in a message with 0x1E between them (one before or after them is let
 *         pass)
 * single  it is exactly one frame
 */
export type JsonFraming = 'joined' | 'single';

/** JSON. */
export class JsonMessage extends ClientMessage {
  readonly #joined: boolean;
  readonly #isText: boolean;

  constructor(message: Uint8Array, sink: FrameSink, framing: JsonFraming) {
    super(message, sink);
    this.#joined = framing === 'joined';
    this.#isText = isUtf8(message);
    this.at = this.#pastSeparators(0);
    if (this.at < message.length) return;
    this.bad(new RequestError('invalid_json', 'the message is empty'), null);
  }

  protected override frameAt(from: number): number {
    const { bytes } = this;
    const joined = this.#joined;
    const end = joined && !this.#isText ? nextSeparator(bytes, from) : bytes.length;
    if (this.#isText || isUtf8(bytes.subarray(from, end))) {
      return this.#pastSeparators(jsonFrame(this, from, end, joined));
    }
    this.bad(new RequestError('invalid_utf8', 'the frame is not valid UTF-8'), null);
    return this.#pastSeparators(end);
  }

  #pastSeparators(from: number): number {
    let at = from;
    while (this.#joined && this.bytes[at] === FRAME_SEPARATOR) at++;
    return at;
  }
}

/** Reads the whole of a JsonMessage. */
export function decodeJsonFrames(message: Uint8Array, sink: FrameSink, framing: JsonFraming): void {
  new JsonMessage(message, sink, framing).read(Number.POSITIVE_INFINITY);
}

function nextSeparator(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(FRAME_SEPARATOR, from);
  return at < 0 ? bytes.length : at;
}

/** Reads the frame at `from`; gives where it ends: `end`, or its separator. */
function jsonFrame(run: ClientMessage, from: number, end: number, joined: boolean): number {
  const ackEnd = plainAck(run, from, end, joined);
  if (ackEnd >= 0) return ackEnd;
  const { bytes, limits } = run;
  const fields = { bytes, reader: JSON_READER, spans };
  let to: number;
  let isObject = false;
  spans.clear();
  try {
    const start = skipSpace(bytes, from, end);
    isObject = bytes[start] === OPEN_BRACE;
    to = isObject
      ? scanObject(bytes, start, end, limits.depthMax, spans)
      : scanValue(bytes, start, end, limits.depthMax);
    to = skipSpace(bytes, to, end);
    if (to < end && !(joined && bytes[to] === FRAME_SEPARATOR)) throw jsonError(bytes, to, end);
  } catch (error) {
    run.bad(error, refOf(fields));
    return joined ? nextSeparator(bytes, from) : end;
  }
  if (isObject) take(run, fields, to - from);
  else run.bad(new RequestError('body_must_be_object', 'a frame must be an object'), null);
  return to;
}

/**
 * Takes the commonest frame of all by its shape, `{"type":"ack","message_id":"..."}` without spaces,
 * at a third of the cost; -1: it is another.
 */
function plainAck(run: ClientMessage, from: number, end: number, joined: boolean): number {
  const { bytes } = run;
  const to = from + ACK_BYTES;
  // The tail first: it fails sooner, the head being common to all acks.
  if (to > end || !standsAt(bytes, to - ACK_TAIL.length, ACK_TAIL)) return -1;
  if (!standsAt(bytes, from, ACK_HEAD)) return -1;
  if (to < end && !(joined && bytes[to] === FRAME_SEPARATOR)) return -1;
  const messageId = readUuid(bytes, from + ACK_HEAD.length);
  if (messageId === null) return -1;
  run.frame({
    type: 'ack',
    ref: null,
    messageId,
    topic: null,
    sequence: 0,
    subscription: null,
    cumulative: false,
  });
  return to;
}

function standsAt(bytes: Buffer, from: number, text: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) {
    if (bytes[from + at] !== text[at]) return false;
  }
  return true;
}

/**
 * Msgpack maps, one after another. A frame whose end cannot be known (invalid_msgpack, too_deep) is the
 * last one read.
 */
export class MsgpackMessage extends ClientMessage {
  constructor(message: Uint8Array, sink: FrameSink) {
    super(message, sink);
    if (message.length > 0) return;
    this.bad(new RequestError('invalid_msgpack', 'the message is empty'), null);
  }

  protected override frameAt(from: number): number {
    return msgpackFrame(this, from);
  }
}

/** Reads the whole of a MsgpackMessage. */
export function decodeMsgpackFrames(message: Uint8Array, sink: FrameSink): void {
  new MsgpackMessage(message, sink).read(Number.POSITIVE_INFINITY);
}

/** Reads the frame at `from`; gives where it ends, or the end of the message if that is unknown. */
function msgpackFrame(run: ClientMessage, from: number): number {
  const { bytes, limits } = run;
  const end = bytes.length;
  const fields = { bytes, reader: MSGPACK_READER, spans };
  const isObject = isMap(bytes, from, end);
  let to: number;
  spans.clear();
  scanner.fault = null;
  try {
    to = isObject
      ? scanner.scanMap(bytes, from, end, limits.depthMax, spans)
      : scanner.scan(bytes, from, end, limits.depthMax);
  } catch (error) {
    run.bad(error, refOf(fields));
    return end;
  }
  if (scanner.fault !== null) run.bad(scanner.fault, refOf(fields));
  else if (isObject) take(run, fields, to - from);
  else run.bad(new RequestError('body_must_be_object', 'a frame must be a map'), null);
  return to;
}
