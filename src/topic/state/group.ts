/**
 * The caught-up sessions of one topic on one acceptor that share an encoding: one DELIVER_GROUP for
 * all of them. A group has one cursor; a publish costs it O(1) however many members it has. Members
 * whose window would be overrun are found by a heap, not by asking each.
 */
import { MinHeap } from '../../core/min-heap.js';
import { SendTimes } from '../../core/send-times.js';
import type { Encoding } from '../../thread/ops/encoding.js';
import type { Outlet } from './outlet.js';
import type { Subscription } from './subscription.js';

export class Group {
  readonly outlet: Outlet;
  readonly topicNo: number;
  readonly encoding: Encoding;
  /** Last sequence packed for the group. */
  cursor: number;
  /** A page of the log is being read for the whole group. */
  reading = false;
  /** When what was packed for it was. */
  readonly sendTimes = new SendTimes();
  readonly #members = new Set<Subscription>();
  /** By the sequence at which the window was full when pushed; checked again when popped. */
  #windows = new MinHeap<Subscription>();

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
  members(): Subscription[] {
    return [...this.#members];
  }

  join(subscription: Subscription): void {
    subscription.state = 'group';
    subscription.group = this;
    this.#members.add(subscription);
    this.windowOpened(subscription);
    this.outlet.join({
      subscription: subscription.number,
      topicNo: this.topicNo,
      round: subscription.round,
    });
  }

  /** Takes it out because the worker wants so: the acceptor is told. Its cursor is the group's. */
  leave(subscription: Subscription): void {
    this.remove(subscription);
    this.outlet.leave({ subscription: subscription.number, topicNo: this.topicNo });
  }

  /** Takes it out because the acceptor already has. */
  remove(subscription: Subscription): void {
    if (!this.#members.delete(subscription)) return;
    subscription.leftGroup(this.cursor);
    subscription.group = null;
    subscription.state = 'paging';
    if (this.#members.size === 0) this.#windows = new MinHeap();
  }

  /** A member has a window from now on. */
  windowOpened(subscription: Subscription): void {
    const { fullAt } = subscription;
    if (fullAt !== Number.POSITIVE_INFINITY) this.#windows.push(fullAt, subscription);
  }

  /** Takes out, and gives, the members whose windows do not admit everything up to `sequence`. */
  leaveFull(sequence: number): Subscription[] {
    const full: Subscription[] = [];
    while (this.#windows.minKey < sequence) {
      const subscription = this.#windows.pop();
      if (subscription === undefined || !this.#members.has(subscription)) continue;
      if (subscription.fullAt >= sequence) {
        this.#windows.push(subscription.fullAt, subscription);
      } else {
        this.leave(subscription);
        full.push(subscription);
      }
    }
    return full;
  }
}
