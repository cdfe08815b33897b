/**
 * The caught-up sessions of one topic on one acceptor that share an encoding: one DELIVER_GROUP for
 * all of them. A group has one cursor; a publish costs it O(1) however many members it has. Members
 * whose window would be overrun are found by a heap, not by asking each.
 */
import { MinHeap } from '../../core/min-heap.js';
import { SendTimes } from '../../core/send-times.js';
import type { Encoding } from '../../thread/ops/encoding.js';
import type { Outlet } from './outlet.js';

/** What a group knows of a subscription in it. */
export interface GroupMember {
  /** The acceptor's number of it. */
  readonly number: number;
  /** See thread/ops/deliver.ts. */
  readonly round: number;
  /** Last sequence the window admits now; Infinity without a window. */
  readonly fullAt: number;
  /** It is out; the group's cursor stood there. */
  leftGroup(cursor: number): void;
}

export class Group<M extends GroupMember> {
  readonly outlet: Outlet;
  readonly topicNo: number;
  readonly encoding: Encoding;
  /** Last sequence packed for the group. */
  cursor: number;
  /** A page of the log is being read for the whole group. */
  reading = false;
  /** When what was packed for it was. */
  readonly sendTimes = new SendTimes();
  readonly #members = new Set<M>();
  /** By the sequence at which the window was full when pushed; checked again when popped. */
  #windows = new MinHeap<M>();

  constructor(options: {
    outlet: Outlet;
    topicNo: number;
    encoding: Encoding;
    cursor: number;
  }) {
    this.outlet = options.outlet;
    this.topicNo = options.topicNo;
    this.encoding = options.encoding;
    this.cursor = options.cursor;
  }

  get size(): number {
    return this.#members.size;
  }

  /** A copy: members may be removed while it is walked. */
  members(): M[] {
    return [...this.#members];
  }

  /** To be called by the member, see Subscription.enter. */
  join(member: M): void {
    this.#members.add(member);
    this.windowOpened(member);
    const { number: subscription, round } = member;
    this.outlet.join({ subscription, topicNo: this.topicNo, round });
  }

  /** Takes it out because the worker wants so: the acceptor is told. Its cursor is the group's. */
  leave(member: M): void {
    this.remove(member);
    this.outlet.leave({ subscription: member.number, topicNo: this.topicNo });
  }

  /** Takes it out because the acceptor already has. */
  remove(member: M): void {
    if (!this.#members.delete(member)) return;
    member.leftGroup(this.cursor);
    if (this.#members.size === 0) this.#windows = new MinHeap();
  }

  /** A member has a window from now on. */
  windowOpened(member: M): void {
    const { fullAt } = member;
    if (fullAt !== Number.POSITIVE_INFINITY) this.#windows.push(fullAt, member);
  }

  /** Takes out, and gives, the members whose windows do not admit everything up to `sequence`. */
  leaveFull(sequence: number): M[] {
    const full: M[] = [];
    while (this.#windows.minKey < sequence) {
      const member = this.#windows.pop();
      if (member === undefined || !this.#members.has(member)) continue;
      if (member.fullAt >= sequence) {
        this.#windows.push(member.fullAt, member);
      } else {
        this.leave(member);
        full.push(member);
      }
    }
    return full;
  }
}
