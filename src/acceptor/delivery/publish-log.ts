/**
 * What was published to groups in this turn of the event loop and the one before, in order. uWS hands
 * publishes to sockets at the end of a turn; when a socket refuses one, this log tells how far each
 * of its groups had got: all before the refused one was taken, nothing from it on.
 */
import {
  FRAME_SEPARATOR,
  MESSAGE_ID_OFFSET_JSON,
  MESSAGE_ID_OFFSET_MSGPACK,
} from '../../wire/server-frame.js';
import type { SocketGroup } from './receiver.js';
import { KIND_MSGPACK, type ReceiverKind } from './receiver-kind.js';

const ID_CHARS = 36;

interface Entry {
  group: SocketGroup;
  kind: ReceiverKind;
  /** First sequence in `frames`. */
  first: number;
  frames: Uint8Array;
}

export class PublishLog {
  #previous: Entry[] = [];
  #current: Entry[] = [];
  #turnEnds = false;

  add(entry: Entry): void {
    this.#current.push(entry);
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    setImmediate(this.#endTurn);
  }

  /** Place of the publish to one of `groups` whose bytes were refused; -1: it is none of them. */
  find(refused: Uint8Array, kind: ReceiverKind, groups: readonly SocketGroup[]): number {
    return this.#entries().findLastIndex(
      (entry) =>
        entry.kind === kind && groups.includes(entry.group) && sameId(entry.frames, refused, kind),
    );
  }

  /** Last sequence that a member of `group` has when the publish at `place` was refused by it. */
  lastBefore(place: number, group: SocketGroup, kind: ReceiverKind): number {
    const entries = this.#entries();
    for (let at = place; at < entries.length; at++) {
      const entry = entries[at];
      if (entry?.group === group && entry.kind === kind) return entry.first - 1;
    }
    return group.lastOf(kind);
  }

  #entries(): Entry[] {
    return this.#previous.length === 0 ? this.#current : [...this.#previous, ...this.#current];
  }

  readonly #endTurn = (): void => {
    this.#turnEnds = false;
    this.#previous = this.#current;
    this.#current = [];
    // What is in `previous` goes with the next turn, or with this when none follows.
    if (this.#previous.length > 0) setImmediate(this.#forget);
  };

  readonly #forget = (): void => {
    if (this.#turnEnds) return;
    this.#previous = [];
  };
}

function sameId(a: Uint8Array, b: Uint8Array, kind: ReceiverKind): boolean {
  const from = kind === KIND_MSGPACK ? MESSAGE_ID_OFFSET_MSGPACK : MESSAGE_ID_OFFSET_JSON;
  if (b.length < from + ID_CHARS) return false;
  for (let i = from + ID_CHARS - 1; i >= from; i--) if (a[i] !== b[i]) return false;
  return true;
}

/** Cuts joined JSON frames at their separators. */
export function splitFrames(joined: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let from = 0;
  for (;;) {
    const to = joined.indexOf(FRAME_SEPARATOR, from);
    if (to < 0) break;
    frames.push(joined.subarray(from, to));
    from = to + 1;
  }
  frames.push(joined.subarray(from));
  return frames;
}

const SEQUENCE = Buffer.from('"sequence":');

const DELIVERED_AS = /^(\d+),"attempt":(\d+)/;

/** The same, with the attempt that stands behind it; `at`: where `"sequence":` begins. */
export function deliveredAs(frame: Uint8Array): { sequence: number; attempt: number; at: number } {
  const buffer = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  for (let at = buffer.length; at > 0; ) {
    at = buffer.lastIndexOf(SEQUENCE, at - 1);
    if (at < 0) break;
    const from = at + SEQUENCE.length;
    const [, sequence, attempt] =
      DELIVERED_AS.exec(buffer.toString('latin1', from, from + 48)) ?? [];
    if (attempt !== undefined) return { sequence: Number(sequence), attempt: Number(attempt), at };
  }
  throw new Error('a message frame without an attempt');
}

/**
 * The sequence of one JSON message frame: the last `"sequence":` before digits. Neither key nor headers,
 * which follow it, can hold that text: their quotes are escaped and header values are strings.
 */
export function sequenceOf(frame: Uint8Array): number {
  const buffer = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  let at = buffer.length;
  while (at > 0) {
    at = buffer.lastIndexOf(SEQUENCE, at - 1);
    if (at < 0) break;
    const digits = /^\d+/.exec(
      buffer.toString('latin1', at + SEQUENCE.length, at + SEQUENCE.length + 17),
    );
    if (digits !== null) return Number(digits[0]);
  }
  throw new Error('a message frame without a sequence');
}
