/** One DELIVER_GROUP on its way to the groups of its topic; its bytes are credited when all have it. */
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { DeliverGroupOp } from '../../thread/ops/deliver.js';
import { type EventForm, eventsOf } from './event-text.js';
import { sequenceOf, splitFrames } from './publish-log.js';

/** One of its messages, for those who get each in a frame of its own. */
export interface SingleFrame {
  frame: Uint8Array;
  sequence: number;
}

export class GroupChunk {
  readonly link: AcceptorLinkEnd;
  readonly op: DeliverGroupOp;
  /** Who still has to publish it, and who hands it out. */
  #holders = 1;
  #singles: SingleFrame[] | null = null;
  #events: (EventForm & { bytes: Uint8Array }) | null = null;

  constructor(link: AcceptorLinkEnd, op: DeliverGroupOp) {
    this.link = link;
    this.op = op;
  }

  /** Of a chunk in JSON; cut once for all groups. */
  get singles(): readonly SingleFrame[] {
    this.#singles ??= splitFrames(this.op.frames).map((frame) => ({
      frame,
      sequence: sequenceOf(frame),
    }));
    return this.#singles;
  }

  /** Of a chunk in JSON, as text for streams; made once for all of the same epoch and form that follow. */
  events({ epoch, form }: EventForm): Uint8Array {
    if (this.#events?.epoch !== epoch || this.#events.form !== form) {
      this.#events = { epoch, form, bytes: eventsOf(this.op.frames, { epoch, form }) };
    }
    return this.#events.bytes;
  }

  hold(): void {
    this.#holders++;
  }

  /** True: nobody holds it any more. */
  release(): boolean {
    this.#holders--;
    return this.#holders === 0;
  }
}
