/**
 * One end of the link between an acceptor and a topic worker: packs operations into one buffer a turn,
 * posts it, and unpacks what comes. Also the credit of each direction (see ops/opcodes.ts for what happens
 * when there is none). The two ends live in two threads and share nothing but the port.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Limits } from '../core/limits.js';
import { AckCredit, type AckOwner } from './ack-credit.js';
import { packSlice } from './ops/slice.js';
import { PackReader } from './packing/pack-reader.js';
import { PackWriter } from './packing/pack-writer.js';

/** Posted at once when this much is packed, so that a turn with much traffic does not grow one buffer. */
const FLUSH_BYTES = 256 * 1024;

/** A publish that stands behind so many acknowledgements is posted at once. */
const ACKS_BEFORE_MAX = 32;

/**
 * After so many operations the rest of what came waits for the next turn of the event loop: a turn takes
 * some milliseconds at most, however many answers came at once. What a worker takes comes in slices;
 * it has the larger batches of a larger number.
 */
const ANSWERS_AT_ONCE_MAX = 2_048;
const REQUESTS_AT_ONCE_MAX = 8_192;

/** Slices that the worker has not come to: one for it to work at while the next is read. */
const SLICES_MAX = 2;

/** Reads the fields of one operation; must consume exactly them. */
export type OpHandler = (op: number, reader: PackReader) => void;

/** What of a MessagePort a link uses. */
export type LinkPort = Pick<MessagePort, 'on' | 'postMessage' | 'close'>;

export interface LinkOptions {
  port: LinkPort;
  /** Takes what has come to the port and was not handed over yet; undefined: nothing. */
  takeUnread?: () => ArrayBuffer | undefined;
  onOp: OpHandler;
  /** Called once the operations of a received buffer were handled, or as many as are at once. */
  onTurn: () => void;
}

/** A port to another thread, as a link has it. */
export function linkPort(port: MessagePort): Pick<LinkOptions, 'port' | 'takeUnread'> {
  const takeUnread = (): ArrayBuffer | undefined =>
    receiveMessageOnPort(port)?.message as ArrayBuffer | undefined;
  return { port, takeUnread };
}

class LinkEnd {
  readonly writer = new PackWriter();
  readonly #port: LinkPort;
  readonly #takeUnread: () => ArrayBuffer | undefined;
  readonly #onOp: OpHandler;
  readonly #onTurn: () => void;
  readonly #opsAtOnceMax: number;
  #state: 'open' | 'flushing' | 'closed' = 'open';
  /** Operations that are handled before the next pause. */
  #opsLeft: number;
  #refill: 'scheduled' | 'no' = 'no';
  /** Of the other end's writer, by their numbers. */
  readonly #names: string[] = [];
  /** What came and waits, the oldest first, begun or not. */
  #behind: PackReader[] = [];

  constructor({ port, takeUnread, onOp, onTurn }: LinkOptions, opsAtOnceMax: number) {
    this.#port = port;
    this.#takeUnread = takeUnread ?? (() => undefined);
    this.#opsAtOnceMax = opsAtOnceMax;
    this.#opsLeft = opsAtOnceMax;
    this.#onOp = onOp;
    this.#onTurn = onTurn;
    port.on('message', (packed: ArrayBuffer) => {
      if (this.#state === 'closed') return;
      const reader = new PackReader(packed, this.#names);
      if (this.#behind.length > 0) this.#behind.push(reader);
      else if (!this.#handle(reader)) this.#pause(reader);
    });
  }

  /** False: there were too many, and the rest waits. */
  #handle(reader: PackReader): boolean {
    while (!reader.done && this.#opsLeft > 0) {
      this.#opsLeft--;
      this.#onOp(reader.u8(), reader);
    }
    if (this.#opsLeft < this.#opsAtOnceMax / 2) this.#scheduleRefill();
    this.#onTurn();
    return reader.done;
  }

  /** The next turn may handle as many again; few turns need to be told of. */
  #scheduleRefill(): void {
    if (this.#refill === 'scheduled') return;
    this.#refill = 'scheduled';
    setImmediate(() => {
      this.#refill = 'no';
      this.#opsLeft = this.#opsAtOnceMax;
    });
  }

  #pause(reader: PackReader): void {
    this.#behind.push(reader);
    setImmediate(this.#goOn);
  }

  readonly #goOn = (): void => {
    this.#opsLeft = this.#opsAtOnceMax;
    let read = 0;
    for (const reader of this.#behind) {
      if (this.#state === 'closed' || !this.#handle(reader)) break;
      read++;
    }
    this.#behind.splice(0, read);
    if (this.#behind.length > 0) setImmediate(this.#goOn);
  };

  /** To be called after packing: posts what is packed at the end of this turn of the event loop. */
  scheduleFlush(): void {
    if (this.#state === 'open') {
      this.#state = 'flushing';
      setImmediate(this.#flush);
    } else if (this.writer.bytes > FLUSH_BYTES) {
      this.post();
    }
  }

  /** Handles all that came, however much it is: the other end is gone, and this one is closed next. */
  finish(): void {
    for (let packed = this.#takeUnread(); packed !== undefined; packed = this.#takeUnread()) {
      this.#behind.push(new PackReader(packed, this.#names));
    }
    for (const reader of this.#behind) while (!reader.done) this.#onOp(reader.u8(), reader);
    this.#behind = [];
    this.#onTurn();
  }

  close(): void {
    this.#state = 'closed';
    this.#behind = [];
    this.#port.close();
  }

  readonly #flush = (): void => {
    if (this.#state !== 'flushing') return;
    this.#state = 'open';
    this.post();
  };

  /** Posts what is packed, without waiting for the end of the turn. */
  protected post(): void {
    if (this.#state === 'closed' || this.writer.ops === 0) return;
    const packed = this.writer.take();
    this.#port.postMessage(packed, [packed]);
  }
}

export class AcceptorLinkEnd extends LinkEnd {
  readonly worker: number;
  readonly generation: number;
  #messages = 0;
  #bytes = 0;
  readonly #acks: AckCredit;
  /** Packed and not posted yet. */
  #acksPacked = 0;
  /** Sent, and the worker has not come to them. */
  #slices = 0;
  /** Something was posted that no slice ends with yet. */
  #isUnsliced = false;
  /** Of what is packed, so many operations end with a slice. */
  #opsSliced = 0;
  readonly #limits: Limits;

  constructor(options: LinkOptions & { worker: number; generation: number; limits: Limits }) {
    super(options, ANSWERS_AT_ONCE_MAX);
    this.worker = options.worker;
    this.generation = options.generation;
    this.#limits = options.limits;
    // The sum of all windows is unbounded in sessions; this much is under way at once at most.
    this.#acks = new AckCredit(options.limits.linkMessagesMax * 16);
  }

  /** False: the link is full, answer `busy` and pack nothing. */
  takePublishCredit(bytes: number): boolean {
    if (this.#messages >= this.#limits.linkMessagesMax) return false;
    if (this.#bytes + bytes > this.#limits.linkBytesMax) return false;
    this.#messages++;
    this.#bytes += bytes;
    return true;
  }

  /** `bytes` as they were taken. */
  returnPublishCredit(bytes: number): void {
    this.#messages--;
    this.#bytes -= bytes;
  }

  /** False: the link is full of acknowledgements. */
  get hasAckCredit(): boolean {
    return this.#acks.hasRoom;
  }

  /** To be called for each that is packed; `owner` null: it is counted elsewhere. */
  ackSent(owner: AckOwner | null): void {
    this.#acks.take(owner);
    this.#acksPacked++;
  }

  /**
   * `scheduleFlush` for a publish. A turn that reads a thousand acknowledgements takes milliseconds: what
   * stands behind some of them does not wait for the rest.
   */
  schedulePublish(): void {
    if (this.#acksPacked >= ACKS_BEFORE_MAX) this.post();
    else this.scheduleFlush();
  }

  /** Whether the worker has come to nearly all slices so far. */
  get hasSliceRoom(): boolean {
    return this.#slices < SLICES_MAX;
  }

  /** What was packed since the last slice, posted or not, is one; with nothing packed there is none. */
  endSlice(): void {
    if (!this.#isUnsliced && this.writer.ops === this.#opsSliced) return;
    this.#slices++;
    packSlice(this.writer);
    this.#opsSliced = this.writer.ops;
    this.#isUnsliced = false;
    this.scheduleFlush();
  }

  /** From SLICE_READ. */
  sliceRead(): void {
    this.#slices--;
  }

  protected override post(): void {
    this.#acksPacked = 0;
    if (this.writer.ops > this.#opsSliced) this.#isUnsliced = true;
    this.#opsSliced = 0;
    super.post();
  }

  /** From ACK_CREDIT. */
  returnAckCredit(acks: number): void {
    this.#acks.giveBack(acks);
  }

  override close(): void {
    super.close();
    this.#acks.giveBackAll();
  }
}

export class WorkerLinkEnd extends LinkEnd {
  #deliverCredit: number;

  constructor(options: LinkOptions & { limits: Limits }) {
    super(options, REQUESTS_AT_ONCE_MAX);
    this.#deliverCredit = options.limits.linkDeliverBytesMax;
  }

  /** Whether deliveries may be packed; one page may overdraw it. */
  get hasDeliverCredit(): boolean {
    return this.#deliverCredit > 0;
  }

  takeDeliverCredit(bytes: number): void {
    this.#deliverCredit -= bytes;
  }

  /** From CREDIT; true when this ended a time without credit. */
  returnDeliverCredit(bytes: number): boolean {
    const was = this.#deliverCredit;
    this.#deliverCredit += bytes;
    return was <= 0 && this.#deliverCredit > 0;
  }
}
