/**
 * Publishes on their way to the workers: takes credit, packs, and knows whether the node drains. Both
 * HTTP and WebSocket publish through here.
 */
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import { packPublish } from '../../thread/ops/publish.js';
import type { PublishRequest } from '../../wire/publish.js';
import type { PendingRequest } from './pending-requests.js';
import type { Workers } from './workers.js';

export class PublishGate {
  readonly #workers: Workers;
  #state: 'open' | 'draining' = 'open';

  constructor(workers: Workers) {
    this.#workers = workers;
  }

  /** New publishes are refused from now on. */
  drain(): void {
    this.#state = 'draining';
  }

  /**
   * Sends one publish of `principal`; `waiting` makes what its answer goes to. Throws RequestError
   * (`busy`, `draining`), and then nothing was sent.
   */
  send(
    principal: Principal,
    publish: PublishRequest,
    waiting: (link: AcceptorLinkEnd, bytes: number) => PendingRequest,
  ): void {
    if (this.#state === 'draining') {
      throw new RequestError('draining', 'this node is shutting down: use another one');
    }
    const key = principal.keyOf(publish.topic);
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
