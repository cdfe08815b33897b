/**
 * Which acceptor of which node sends for which webhook: the ring over the nodes that live, then the ring
 * over the acceptors of this one. An acceptor is told what is other than it was: of ten thousand, which take
 * it tens of milliseconds to read, most stay as they are. Owned by the main thread.
 */
import { HashRing } from '../core/hash-ring.js';
import { type WebhookChanges, type WebhookRecord, webhookKey } from '../core/webhook-record.js';

export interface WebhookSharesOptions {
  /** NODE_ID. */
  node: string;
  acceptors: number;
  /** Alone: there are no other nodes, and no leases. */
  among: 'nodes' | 'alone';
  /** What is other of those that this acceptor sends for. */
  tell: (acceptor: number, changes: WebhookChanges) => void;
}

export class WebhookShares {
  readonly #options: WebhookSharesOptions;
  readonly #acceptors: HashRing;
  #nodes: HashRing;
  #all: readonly WebhookRecord[] = [];
  /** By acceptor: versions by key, of its whole share, which one that begins is told. */
  readonly #told: Map<string, string>[];

  constructor(options: WebhookSharesOptions) {
    this.#options = options;
    this.#acceptors = new HashRing(Array.from({ length: options.acceptors }, (_, n) => String(n)));
    this.#told = Array.from({ length: options.acceptors }, () => new Map<string, string>());
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
    for (const [acceptor, share] of shares.entries()) {
      const before = this.#told[acceptor];
      const now = versionsOf(share);
      const put = share.filter((one) => before?.get(webhookKey(one)) !== one.version);
      const gone = [...(before?.keys() ?? [])].filter((key) => !now.has(key));
      this.#told[acceptor] = now;
      if (put.length + gone.length > 0) tell(acceptor, { put, gone });
    }
  }

  /** -1: another node's. */
  #acceptorOf(webhook: WebhookRecord): number {
    const work = `webhook ${webhookKey(webhook)}`;
    if (this.#nodes.memberOf(work) !== this.#options.node) return -1;
    return Number(this.#acceptors.memberOf(work));
  }
}

function versionsOf(share: readonly WebhookRecord[]): Map<string, string> {
  return new Map(share.map((webhook) => [webhookKey(webhook), webhook.version]));
}
