/**
 * Which acceptor of which node sends for which webhook: the ring over the nodes that live, then the ring
 * over the acceptors of this one. Owned by the main thread.
 */
import { HashRing } from '../core/hash-ring.js';
import { type WebhookRecord, webhookKey } from '../core/webhook-record.js';

export interface WebhookSharesOptions {
  /** NODE_ID. */
  node: string;
  acceptors: number;
  /** Alone: there are no other nodes, and no leases. */
  among: 'nodes' | 'alone';
  /** Those that this acceptor sends for, all of them. */
  tell: (acceptor: number, webhooks: readonly WebhookRecord[]) => void;
}

export class WebhookShares {
  readonly #options: WebhookSharesOptions;
  readonly #acceptors: HashRing;
  #nodes: HashRing;
  #all: readonly WebhookRecord[] = [];

  constructor(options: WebhookSharesOptions) {
    this.#options = options;
    this.#acceptors = new HashRing(Array.from({ length: options.acceptors }, (_, n) => String(n)));
    this.#nodes = new HashRing(options.among === 'alone' ? [options.node] : []);
  }

  /** The nodes that live. */
  place(living: readonly { id: string }[]): void {
    if (this.#options.among === 'alone') return;
    this.#nodes = new HashRing(living.map(({ id }) => id));
    this.#tellAll();
  }

  /** All webhooks that there are. */
  changed(all: readonly WebhookRecord[]): void {
    this.#all = all.filter(({ disabled }) => disabled === null);
    this.#tellAll();
  }

  /** What an acceptor that begins has to know. */
  of(acceptor: number): WebhookRecord[] {
    return this.#all.filter((webhook) => this.#acceptorOf(webhook) === acceptor);
  }

  #tellAll(): void {
    const { acceptors, tell } = this.#options;
    const shares = Array.from({ length: acceptors }, (): WebhookRecord[] => []);
    for (const webhook of this.#all) shares[this.#acceptorOf(webhook)]?.push(webhook);
    for (const [acceptor, share] of shares.entries()) tell(acceptor, share);
  }

  /** -1: another node's. */
  #acceptorOf(webhook: WebhookRecord): number {
    const work = `webhook ${webhookKey(webhook)}`;
    if (this.#nodes.memberOf(work) !== this.#options.node) return -1;
    return Number(this.#acceptors.memberOf(work));
  }
}
