/**
 * Some of this acceptor's sessions that are caught up on one topic: one uWS topic per kind, and a set of
 * SSE streams. It remembers how far each kind was published, which is what its members have.
 */
import type { Tenant } from '../../core/topic-key.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import { KINDS, type ReceiverKind } from './receiver-kind.js';

/** S are its streams, M its subscriptions; see SocketGroup in receiver.ts. */
export class SocketGroupOf<S, M> {
  readonly link: AcceptorLinkEnd;
  readonly topicNo: number;
  readonly #names: readonly string[];
  readonly #members = new Array<number>(KINDS).fill(0);
  readonly #last = new Array<number>(KINDS).fill(0);
  readonly streams = new Set<S>();
  /** Members that are behind a fence (fence.ts). */
  readonly fenced = new Set<M>();
  /** Whose topic it is; null: nobody has a place in it yet. */
  owner: Tenant | null = null;
  /** Those that refer to it, in it or not: while there is one, it is a group of the topic. */
  readonly subscriptions: M[] = [];
  /** Monotonic ms: what comes before waits, see pace.ts. */
  restsUntilMs = 0;

  /** `serial`: unique on this acceptor. */
  constructor(link: AcceptorLinkEnd, topicNo: number, serial: number) {
    this.link = link;
    this.topicNo = topicNo;
    this.#names = Array.from({ length: KINDS }, (_, kind) => `${serial}.${kind}`);
  }

  isOf(link: AcceptorLinkEnd, topicNo: number): boolean {
    return this.link === link && this.topicNo === topicNo;
  }

  /** The uWS topic of a kind. */
  nameOf(kind: ReceiverKind): string {
    return this.#names[kind] ?? '';
  }

  membersOf(kind: ReceiverKind): number {
    return this.#members[kind] ?? 0;
  }

  /** Members of all kinds: the sockets that a publish to it is written to. */
  get size(): number {
    return this.#members.reduce((sum, count) => sum + count, 0);
  }

  changed(kind: ReceiverKind, by: 1 | -1): void {
    this.#members[kind] = (this.#members[kind] ?? 0) + by;
  }

  /** Last sequence published to the members of a kind. */
  lastOf(kind: ReceiverKind): number {
    return this.#last[kind] ?? 0;
  }

  published(kind: ReceiverKind, lastSequence: number): void {
    this.#last[kind] = lastSequence;
  }
}
