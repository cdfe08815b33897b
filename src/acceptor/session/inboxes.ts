/**
 * What sessions sent beyond what is read of one session in a turn of the event loop. It waits here and is
 * read in slices, one session after another, so that nobody waits for another's whole message; and a slice
 * is not read before the workers have come to those before it, so that it does not wait there, either.
 * Order within a session is kept. What waits is bounded, and dropped when its session ends.
 */
import { CLOSE, type CloseReason } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import type { ClientMessage } from '../../wire/client-frame.js';
import type { Guard, Subject } from '../http/guard.js';

/** Frames of one session that are read in a turn: 0.4 ms of publishes to a known topic, 2 ms to new ones. */
export const SLICE_FRAMES = 256;
/** Memory that a message takes that waits, beside its bytes. */
const MESSAGE_BYTES = 128;
const NOTHING = Buffer.alloc(0);

/** What one session sent and that is not read. */
export interface Inbox {
  /** What is left of the message that is being read; null: the next is not begun. */
  current: ClientMessage | null;
  /** Those behind it, from `next` on. */
  messages: Buffer[];
  next: number;
  /** Messages that were read to their end. */
  read: number;
  /** With this one what was answered is given back. */
  heldUntil: number;
  bytes: number;
  /** What is to be done in between, the next first; null: nothing. */
  marks: Mark[] | null;
}

/** Called once `until` messages of an inbox were read. */
interface Mark {
  until: number;
  then: () => void;
}

/** A session, as it is seen from here. */
export interface Sender extends Subject {
  /** Null: all that came was read. */
  inbox: Inbox | null;
  /** Of the turn in which it was last heard, and how many frames were read in it. */
  heardInTurn: number;
  framesInTurn: number;
  end(reason: CloseReason): void;
  /** Not all that came was read: it has an inbox from now on. */
  notAllRead(): void;
  /** All that waited when this was told last, or when it got its inbox, was read; more has come since. */
  heldRead(): void;
  /** Its inbox is empty. */
  allRead(): void;
}

export interface InboxesOptions<S extends Sender> {
  limits: Limits;
  guard: Guard;
  /** Begins to read a message; its bytes are not copied. */
  begin: (sender: S, bytes: Buffer) => ClientMessage;
  /** Reads at most so many frames more of it; gives how many it read. */
  read: (sender: S, message: ClientMessage, count: number) => number;
  workers: SliceWorkers;
  /** Calls back in another turn. */
  later: (callback: () => void) => void;
}

/** Those who are handed what was read. */
export interface SliceWorkers {
  /** Whether they have come to nearly all slices so far. */
  readonly haveSliceRoom: boolean;
  /** What was packed until now is a slice. */
  endSlice(): void;
}

/** What waited at one time. */
export interface Backlog {
  isRead(): boolean;
}

/** Up to which of its messages an inbox is to be read. */
interface Goal {
  inbox: Inbox;
  until: number;
}

export class Inboxes<S extends Sender> {
  readonly #options: InboxesOptions<S>;
  /** Whose inbox is not empty; who is read next first. */
  readonly #waiting = new Set<S>();
  #bytes = 0;
  #turn = 0;
  #turnEnds: 'scheduled' | 'no' = 'no';
  #slice: 'scheduled' | 'no' = 'no';

  constructor(options: InboxesOptions<S>) {
    this.#options = options;
  }

  /** Bytes that wait, of all sessions. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Sessions of which something waits. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** What waits now; `isRead` once all of that was read, whatever came since, or its sessions ended. */
  backlog(): Backlog {
    const left = new Map<S, Goal>();
    for (const sender of this.#waiting) {
      const { inbox } = sender;
      if (inbox !== null) left.set(sender, { inbox, until: endOf(inbox) });
    }
    const isRead = (): boolean => {
      for (const [sender, { inbox, until }] of left) {
        if (sender.inbox !== inbox || inbox.read >= until) left.delete(sender);
      }
      return left.size === 0;
    };
    return { isRead };
  }

  /** One message; its bytes are valid during this call only. */
  take(sender: S, bytes: Buffer): void {
    if (sender.inbox !== null) {
      this.#wait(sender, sender.inbox, null, bytes);
      return;
    }
    const left = SLICE_FRAMES - this.#framesInTurn(sender);
    if (left <= 0) {
      this.#wait(sender, this.#open(sender), null, bytes);
      return;
    }
    const { begin, read } = this.#options;
    const message = begin(sender, bytes);
    sender.framesInTurn += read(sender, message, left);
    if (message.done) return;
    message.keep();
    this.#wait(sender, this.#open(sender), message, message.bytes);
  }

  /** The sender has ended: what it sent is not read any more. */
  drop(sender: S): void {
    if (sender.inbox === null) return;
    this.#bytes -= sender.inbox.bytes;
    sender.inbox = null;
    this.#waiting.delete(sender);
  }

  /** The workers may have room again. */
  resume(): void {
    if (this.#waiting.size === 0 || this.#slice === 'scheduled') return;
    this.#slice = 'scheduled';
    this.#options.later(this.#readSlice);
  }

  #framesInTurn(sender: S): number {
    if (this.#turnEnds === 'no') {
      this.#turnEnds = 'scheduled';
      this.#options.later(this.#endTurn);
    }
    if (sender.heardInTurn !== this.#turn) {
      sender.heardInTurn = this.#turn;
      sender.framesInTurn = 0;
    }
    return sender.framesInTurn;
  }

  readonly #endTurn = (): void => {
    this.#turnEnds = 'no';
    this.#turn++;
  };

  #open(sender: S): Inbox {
    const counts = { next: 0, read: 0, heldUntil: 1, bytes: 0 };
    const inbox: Inbox = { current: null, messages: [], ...counts, marks: null };
    sender.inbox = inbox;
    this.#waiting.add(sender);
    sender.notAllRead();
    this.resume();
    return inbox;
  }

  #wait(sender: S, inbox: Inbox, current: ClientMessage | null, bytes: Buffer): void {
    const { sessionRequestBytesMax, wsMessageBytesMax, unreadBytesMax } = this.#options.limits;
    // One message may always wait.
    const bytesMax = Math.max(sessionRequestBytesMax, wsMessageBytesMax + MESSAGE_BYTES);
    const more = sizeOf(bytes);
    inbox.bytes += more;
    this.#bytes += more;
    if (current !== null) inbox.current = current;
    else inbox.messages.push(Buffer.from(bytes));
    if (inbox.bytes > bytesMax) sender.end(CLOSE.tooMuchUnread);
    while (this.#bytes > unreadBytesMax && this.#waiting.size > 0) this.#endLargest();
  }

  /** Who has the most waiting makes room for all others. */
  #endLargest(): void {
    let largest: S | null = null;
    for (const sender of this.#waiting) {
      if ((sender.inbox?.bytes ?? 0) > (largest?.inbox?.bytes ?? -1)) largest = sender;
    }
    if (largest === null) return;
    largest.end(CLOSE.tooMuchUnread);
    this.drop(largest);
  }

  readonly #readSlice = (): void => {
    this.#slice = 'no';
    const { guard, workers } = this.#options;
    if (!workers.haveSliceRoom) return;
    for (const sender of this.#waiting) {
      // Behind all others.
      this.#waiting.delete(sender);
      this.#waiting.add(sender);
      guard.run('slice', sender, () => this.#readOf(sender));
      workers.endSlice();
      break;
    }
    this.resume();
  };

  #readOf(sender: S): void {
    const { begin, read } = this.#options;
    sender.inbox?.messages.splice(0, sender.inbox.next);
    if (sender.inbox !== null) sender.inbox.next = 0;
    for (let left = SLICE_FRAMES; left > 0 && sender.inbox !== null; ) {
      const { inbox } = sender;
      const message = inbox.current ?? begin(sender, inbox.messages[inbox.next++] ?? NOTHING);
      // One that holds no frame is read, too.
      left -= Math.max(1, read(sender, message, left));
      if (sender.inbox !== inbox) return;
      inbox.current = message.done ? null : message;
      if (message.done) this.#wasRead(sender, inbox, message.bytes);
    }
  }

  #wasRead(sender: S, inbox: Inbox, bytes: Buffer): void {
    const less = sizeOf(bytes);
    inbox.bytes -= less;
    inbox.read++;
    this.#bytes -= less;
    while (inbox.marks?.[0] !== undefined && inbox.marks[0].until <= inbox.read) {
      inbox.marks.shift()?.then();
    }
    if (sender.inbox !== inbox) return;
    const waiting = inbox.messages.length - inbox.next;
    if (waiting === 0) {
      this.drop(sender);
      sender.allRead();
      return;
    }
    if (inbox.read < inbox.heldUntil) return;
    inbox.heldUntil = inbox.read + waiting;
    sender.heldRead();
  }
}

/** `then` is called once what waits now is read, in front of all that comes later; if the session lives. */
export function behind(inbox: Inbox, then: () => void): void {
  inbox.marks ??= [];
  inbox.marks.push({ until: endOf(inbox), then });
}

/** How many of its messages will have been read once what waits now is, the one that is being read too. */
function endOf({ current, messages, next, read }: Inbox): number {
  return read + (current === null ? 0 : 1) + messages.length - next;
}

function sizeOf(bytes: Buffer): number {
  return bytes.length + MESSAGE_BYTES;
}
