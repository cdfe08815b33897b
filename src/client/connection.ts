/** One WebSocket, from its opening to its end: frames in, frames out joined, and whether it lives. */
import type { DisconnectFrame, ServerFrame } from '../wire/server-frame-types.js';
import type { Codec, Part } from './codec.js';
import { wordsOf } from './conduit-error.js';
import type { Socket } from './socket.js';
import { nextTurn } from './turn.js';

/** How it ended. `disconnect`: what the node said before. */
export interface ConnectionEnd {
  /** 0: it never opened. */
  openMs: number;
  code: number;
  reason: string;
  disconnect: DisconnectFrame | null;
}

export interface ConnectionSink {
  opened(): void;
  /** `atMs`: of performance.now(), the same for all frames of a message. False: it is no such frame. */
  frame(frame: ServerFrame, atMs: number): boolean;
  /** Once, the last. */
  ended(end: ConnectionEnd): void;
}

export interface ConnectionSettings {
  codec: Codec;
  connectTimeoutMs: number;
  heartbeatMs: number;
  maxMessageBytes: number;
}

/** In one WebSocket message; the node takes 1 MiB, and a character may be three bytes. */
const JOINED_MAX = 262_144;
/** Bytes that the socket has not sent: publishes wait behind them. */
const BUFFERED_MAX = 1_048_576;
const ANSWER_MS = 10_000;
/** The clock went on for longer between two ticks: this machine slept, or the tab did. */
const SLEPT_MS = 45_000;
const CLOSE_NORMAL = 1_000;
/** Of ours, for what is not in the protocol; the node takes it for a clean end. */
const CLOSE_PROTOCOL = 4_000;
/** What a socket says that ended without a close frame (RFC 6455, 7.1.5). */
const CLOSED_ABRUPTLY = 1_006;

export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #socket: Socket;
  readonly #sink: ConnectionSink;
  readonly #timer: ReturnType<typeof setTimeout>;
  #state: 'opening' | 'open' | 'ended' = 'opening';
  #openedAtMs = 0;
  #parts: Part[] = [];
  #length = 0;
  #flush: 'none' | 'waits' = 'none';
  #heardAtMs = 0;
  /** 0: nothing was asked. */
  #askedAtMs = 0;
  #tickedAt = Date.now();
  #disconnect: DisconnectFrame | null = null;

  constructor(socket: Socket, settings: ConnectionSettings, sink: ConnectionSink) {
    this.#socket = socket;
    this.#settings = settings;
    this.#sink = sink;
    const { connectTimeoutMs } = settings;
    const late = `did not open in ${connectTimeoutMs} ms`;
    this.#timer = setTimeout(() => this.#end(CLOSED_ABRUPTLY, late), connectTimeoutMs);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#heard(data);
    socket.onclose = ({ code, reason }) => this.#ended(code, reason);
    // Its close event follows, and says as much.
    socket.onerror = () => undefined;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Whether what is sent would only wait. */
  get isFull(): boolean {
    return this.#length + this.#socket.bufferedAmount > BUFFERED_MAX;
  }

  send(frame: object): void {
    this.sendPart(this.#settings.codec.encode(frame));
  }

  /** Goes out with all else of this turn. */
  sendPart(part: Part): void {
    if (this.#state !== 'open') return;
    if (this.#length + part.length > JOINED_MAX) this.flush();
    this.#parts.push(part);
    this.#length += part.length;
    if (this.#flush === 'waits') return;
    this.#flush = 'waits';
    nextTurn(() => {
      this.#flush = 'none';
      this.flush();
    });
  }

  flush(): void {
    if (this.#state !== 'open' || this.#parts.length === 0) return;
    const message = this.#settings.codec.join(this.#parts);
    this.#parts = [];
    this.#length = 0;
    this.#socket.send(message);
  }

  /** A few times a second: whether the node still answers. */
  tick(nowMs: number): void {
    if (this.#state !== 'open') return;
    const now = Date.now();
    const slept = Math.abs(now - this.#tickedAt) > SLEPT_MS;
    this.#tickedAt = now;
    if (this.#askedAtMs > 0) {
      if (nowMs - this.#askedAtMs > ANSWER_MS)
        this.#end(CLOSED_ABRUPTLY, 'the node does not answer');
    } else if (slept || nowMs - this.#heardAtMs > this.#settings.heartbeatMs) this.ask(nowMs);
  }

  /** Whether it lives: it has ten seconds to say so. */
  ask(nowMs: number): void {
    if (this.#state !== 'open' || this.#askedAtMs > 0) return;
    this.#askedAtMs = nowMs;
    this.send({ type: 'heartbeat' });
  }

  /** Sends what waits, and closes. */
  close(): void {
    this.flush();
    this.#end(CLOSE_NORMAL, 'closed');
  }

  #opened(): void {
    if (this.#state !== 'opening') return;
    clearTimeout(this.#timer);
    this.#state = 'open';
    this.#openedAtMs = this.#heardAtMs = performance.now();
    this.#sink.opened();
  }

  #heard(data: unknown): void {
    if (this.#state !== 'open') return;
    const atMs = performance.now();
    this.#heardAtMs = atMs;
    this.#askedAtMs = 0;
    const size = data instanceof ArrayBuffer ? data.byteLength : String(data).length;
    if (size > this.#settings.maxMessageBytes) {
      this.#end(CLOSE_PROTOCOL, `a message of ${size} bytes (maxMessageBytes)`);
      return;
    }
    try {
      this.#read(this.#settings.codec.decode(data as string | ArrayBuffer), atMs);
    } catch (error) {
      this.#end(CLOSE_PROTOCOL, `not a message of the protocol: ${wordsOf(error)}`);
    }
  }

  #read(frames: readonly unknown[], atMs: number): void {
    for (const frame of frames) {
      if (this.#state !== 'open') return;
      if (!isFrame(frame) || !this.#sink.frame(frame, atMs)) {
        const words = String(JSON.stringify(frame)).slice(0, 100);
        this.#end(CLOSE_PROTOCOL, `not a frame of the protocol: ${words}`);
        return;
      }
      if (frame.type === 'disconnect') this.#disconnect = frame;
    }
  }

  /** At once, whatever the socket says, and when. */
  #end(code: number, reason: string): void {
    if (this.#state === 'ended') return;
    const socket = this.#socket;
    this.#ended(code, reason);
    try {
      const known = code === CLOSED_ABRUPTLY ? CLOSE_PROTOCOL : code;
      // A reason has 123 bytes at most.
      socket.close(known, reason.replace(/[^ -~]/g, '?').slice(0, 120));
    } catch {
      // A socket that cannot be closed was never open.
      return;
    }
  }

  #ended(code: number, reason: string): void {
    if (this.#state === 'ended') return;
    const openMs = this.#openedAtMs === 0 ? 0 : performance.now() - this.#openedAtMs;
    this.#state = 'ended';
    clearTimeout(this.#timer);
    this.#parts = [];
    this.#socket.onmessage = null;
    this.#sink.ended({ openMs, code, reason, disconnect: this.#disconnect });
  }
}

function isFrame(value: unknown): value is ServerFrame {
  return typeof value === 'object' && value !== null && 'type' in value;
}
