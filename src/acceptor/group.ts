/**
 * The sessions of this acceptor that are caught up on one topic: one uWS topic per kind, and a set of
 * SSE streams. It remembers how far each kind was published, which is what its members have.
 */
import type { AcceptorLinkEnd } from '../thread/link.js';
import { KINDS, type Kind, type Receiver } from './receiver.js';

export class Group {
  readonly link: AcceptorLinkEnd;
  readonly topicNo: number;
  readonly #names: readonly string[];
  readonly #members = new Array<number>(KINDS).fill(0);
  readonly #last = new Array<number>(KINDS).fill(0);
  readonly streams = new Set<Receiver>();
  /** Subscriptions that refer to it, in it or not: while there is one, it is the topic's group. */
  subscriptions = 0;

  constructor(link: AcceptorLinkEnd, topicNo: number) {
    this.link = link;
    this.topicNo = topicNo;
    const base = `${link.worker}.${link.generation}.${topicNo}`;
    this.#names = Array.from({ length: KINDS }, (_, kind) => `${base}.${kind}`);
  }

  /** The uWS topic of a kind. */
  nameOf(kind: Kind): string {
    return this.#names[kind] ?? '';
  }

  membersOf(kind: Kind): number {
    return this.#members[kind] ?? 0;
  }

  get isEmpty(): boolean {
    return this.#members.every((count) => count === 0);
  }

  changed(kind: Kind, by: 1 | -1): void {
    this.#members[kind] = (this.#members[kind] ?? 0) + by;
  }

  /** Last sequence published to the members of a kind. */
  lastOf(kind: Kind): number {
    return this.#last[kind] ?? 0;
  }

  published(kind: Kind, lastSequence: number): void {
    this.#last[kind] = lastSequence;
  }
}
