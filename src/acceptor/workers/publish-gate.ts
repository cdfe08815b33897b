/**
 * Publishes on their way to the workers: counts them against the quotas of their tenant, takes credit, packs,
 * and knows whether the node drains. Both HTTP and WebSocket publish through here.
 */
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { QuotaLedger } from '../../tenant/quota-ledger.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import { packPublish } from '../../thread/ops/publish.js';
import type { BatchItem, PublishRequest } from '../../wire/publish.js';
import type { PendingRequest } from './pending-requests.js';
import { type PublishTraces, TracedPublish } from './publish-traces.js';
import type { Workers } from './workers.js';

export class PublishGate {
  readonly #workers: Workers;
  readonly #quotas: Pick<QuotaLedger, 'of'>;
  /** Null: spans are not made. */
  readonly traces: PublishTraces | null;
  #state: 'open' | 'draining' = 'open';

  constructor(
    workers: Workers,
    quotas: Pick<QuotaLedger, 'of'>,
    traces: PublishTraces | null = null,
  ) {
    this.#workers = workers;
    this.#quotas = quotas;
    this.traces = traces;
  }

  /** New publishes are refused from now on. */
  drain(): void {
    this.#state = 'draining';
  }

  /**
   * Sends one publish of `principal`; `waiting` makes what its answer goes to. Throws RequestError
   * (`busy`, `draining`, those of its tenant's quotas), and then nothing was sent.
   */
  send(
    principal: Principal,
    publish: PublishRequest,
    waiting: (link: AcceptorLinkEnd, bytes: number) => PendingRequest,
  ): void {
    const key = this.#keyOf(principal, publish);
    this.#quotas.of(principal.tenant)?.publish(1, publish.payload.length);
    const span = this.traces?.begin(principal.tenant, [publish]) ?? null;
    if (span === null) this.#post(key, publish, waiting);
    else this.#post(key, publish, (link, bytes) => new TracedPublish(waiting(link, bytes), span));
  }

  /** Counts all of a batch together; throws as `send` does for what is over a quota, and counts nothing. */
  admit(principal: Principal, batch: readonly BatchItem[]): void {
    const use = this.#quotas.of(principal.tenant);
    if (use === undefined) return;
    let [messages, bytes] = [0, 0];
    for (const item of batch) {
      if (item instanceof RequestError) continue;
      messages++;
      bytes += item.payload.length;
    }
    if (messages > 0) use.publish(messages, bytes);
  }

  /** Sends one of a batch that was admitted; throws as `send` does. */
  sendAdmitted(
    principal: Principal,
    publish: PublishRequest,
    waiting: (link: AcceptorLinkEnd, bytes: number) => PendingRequest,
  ): void {
    this.#post(this.#keyOf(principal, publish), publish, waiting);
  }

  #keyOf(principal: Principal, publish: PublishRequest): TopicKey {
    if (this.#state === 'draining') {
      throw new RequestError('draining', 'this node is shutting down: use another one');
    }
    return principal.keyOf(publish.topic);
  }

  #post(
    key: TopicKey,
    publish: PublishRequest,
    waiting: (link: AcceptorLinkEnd, bytes: number) => PendingRequest,
  ): void {
    const link = this.#workers.ownerOf(key);
    const bytes = publish.payload.length + 256;
    if (!link.takePublishCredit(bytes)) {
      throw new RequestError(
        'busy',
        'too many publishes are under way (LINK_MESSAGES_MAX, LINK_BYTES_MAX)',
      );
    }
    const request = this.#workers.requests.add(waiting(link, bytes));
    packPublish(link.writer, request, key, publish);
    link.schedulePublish();
  }
}
