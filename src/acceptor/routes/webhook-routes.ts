/** /api/subscriptions/:topic/:name/webhook: what the routes ask of the main thread, and of the log. */
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { WebhookPlace, WebhookRecord, WebhookStart } from '../../core/webhook-record.js';
import type { WebhookPort } from '../../thread/webhook-port.js';
import type { SubscriptionPlace } from '../../wire/schemas/subscriptions.js';
import type { WebhookBody } from '../../wire/schemas/webhooks.js';
import type { Control } from './control.js';

/** Of the wait for an acknowledgement, beside the time-out, where nobody says it. */
const ACK_WAIT_MORE_MS = 5_000;

export interface WebhookAsked {
  principal: Principal;
  params: SubscriptionPlace;
}

export interface PutResult {
  record: WebhookRecord;
  newKey: string | null;
}

export class WebhookRoutes {
  readonly #control: Control;
  readonly #port: Pick<WebhookPort, 'ask'>;

  constructor(control: Control, port: Pick<WebhookPort, 'ask'>) {
    this.#control = control;
    this.#port = port;
  }

  async get(asked: WebhookAsked): Promise<WebhookRecord> {
    const place = placeOf(asked);
    const { record } = await this.#port.ask(place.tenant, 'webhooks.get', { place });
    return record ?? notFound();
  }

  async put(asked: WebhookAsked, body: WebhookBody): Promise<PutResult> {
    const place = placeOf(asked);
    const key = asked.principal.keyOf(place.topic);
    const { url, concurrency, timeout_ms: timeoutMs, max_deliver: maxDeliver, format } = body;
    const start = await this.#start(key, body.start);
    const ackWaitMs = await this.#ackWaitMs(key, place.name, body);
    const ordering = body.ordering ?? (concurrency === 1 ? 'topic' : 'none');
    return this.#port.ask(place.tenant, 'webhooks.put', {
      place,
      settings: { url, concurrency, timeoutMs, format, ackWaitMs, maxDeliver, ordering, start },
      secret: body.secret ?? 'keep',
      overlapMs: body.overlap_s * 1_000,
    });
  }

  async delete(asked: WebhookAsked): Promise<undefined> {
    const place = placeOf(asked);
    const { removed } = await this.#port.ask(place.tenant, 'webhooks.remove', { place });
    if (!removed) notFound();
  }

  /** Of a subscription that was deleted. */
  async subscriptionGone({ principal, params }: WebhookAsked): Promise<void> {
    const { tenant } = principal;
    await unlessAway(this.#port.ask(tenant, 'webhooks.remove', { place: { tenant, ...params } }));
  }

  /** All of a topic that was deleted. */
  async topicGone({ tenant }: Principal, topic: string): Promise<void> {
    await unlessAway(this.#port.ask(tenant, 'webhooks.topic-gone', { topic: { tenant, topic } }));
  }

  /** The end of the topic as it is now, which moves on until a node subscribes. */
  async #start(key: TopicKey, start: WebhookBody['start']): Promise<WebhookStart> {
    const { position } = await this.#control.browsing.of('topic.position', { key });
    if (position === null) {
      throw new RequestError('topic_not_found', 'topic not found', 'topic');
    }
    if (start !== null && start.from !== 'latest') return start;
    const { epoch, lastSequence } = position;
    return { from: 'sequence', sequence: lastSequence + 1, epoch };
  }

  /** A message whose request is still under way is not to be sent once more. */
  async #ackWaitMs(
    key: TopicKey,
    name: string,
    { ack_wait_ms: asked, timeout_ms: timeoutMs }: WebhookBody,
  ): Promise<number> {
    const { subscription } = await this.#control.browsing.of('subscription.get', {
      ...{ key, subscription: name },
    });
    const { limits } = this.#control;
    const made = asked ?? Math.max(limits.ackWaitMs, timeoutMs + ACK_WAIT_MORE_MS);
    const ackWaitMs = subscription?.settings.ackWaitMs ?? made;
    if (ackWaitMs > timeoutMs) return ackWaitMs;
    const detail = `must be below the ack_wait_ms of the subscription, ${ackWaitMs}: lower it, or PATCH that`;
    throw new RequestError('invalid_field', detail, 'timeout_ms');
  }
}

/** Throws `forbidden` for a topic that the key is not for. */
function placeOf({ principal, params: { topic, name } }: WebhookAsked): WebhookPlace {
  principal.keyOf(topic);
  return { tenant: principal.tenant, topic, name };
}

/** Whoever sends for it finds out by himself that there is nothing to be sent any more. */
async function unlessAway(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
  }
}

function notFound(): never {
  throw new RequestError('webhook_not_found', 'the subscription has no webhook', 'webhook');
}
