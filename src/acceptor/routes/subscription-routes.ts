/** What /api/subscriptions asks of the log, and of the owners of the subscriptions' topics. */
import type { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { SubscriptionStanding, SubscriptionSummary } from '../../core/subscription-record.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { CallResult } from '../../thread/calls.js';
import type { SUBSCRIPTION_PATCH, subscriptionPage } from '../../wire/schemas/subscriptions.js';
import type { StartPosition } from '../../wire/start.js';
import type { Control } from './control.js';

/** Which durable subscription. */
export interface SubscriptionTarget {
  key: TopicKey;
  subscription: string;
}

export class SubscriptionRoutes {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  async list(
    principal: Principal,
    { topic, limit, after }: z.output<ReturnType<typeof subscriptionPage>>,
  ): Promise<SubscriptionSummary[]> {
    // A floor that has passed a dead letter is not shown before the dead letter can be.
    await this.#control.askAll('subscription.flush-all', {});
    const args = { within: principal.within(topic), limit, after };
    const pages = await this.#control.browsing.all('subscription.list', args);
    const stored = pages.flatMap(({ subscriptions }) => subscriptions).sort(byName);
    return this.#alive(stored.slice(0, limit), (one) => principal.keyOf(one.topic));
  }

  async get(target: SubscriptionTarget): Promise<SubscriptionSummary> {
    const { key } = target;
    await this.#control.call('subscription.flush', { key });
    const { subscription } = await this.#control.browsing.of('subscription.get', target);
    const [one] = subscription === null ? [] : await this.#alive([subscription], () => key);
    if (one === undefined) throw notFound();
    return one;
  }

  async patch(
    target: SubscriptionTarget,
    changes: z.output<typeof SUBSCRIPTION_PATCH>,
  ): Promise<SubscriptionSummary> {
    const { ack_wait_ms: ackWaitMs, max_deliver: maxDeliver } = changes;
    const args = { ...target, ackWaitMs, maxDeliver };
    return changed(await this.#control.call('subscription.patch', args));
  }

  async delete(target: SubscriptionTarget): Promise<undefined> {
    const { deleted } = await this.#control.call('subscription.delete', target);
    if (!deleted) throw notFound();
  }

  async seek(target: SubscriptionTarget, start: StartPosition): Promise<SubscriptionSummary> {
    const args = { ...target, start };
    return changed(await this.#control.call('subscription.seek', args));
  }

  async pause(target: SubscriptionTarget): Promise<SubscriptionSummary> {
    return changed(await this.#control.call('subscription.pause', target));
  }

  async resume(target: SubscriptionTarget): Promise<SubscriptionSummary> {
    return changed(await this.#control.call('subscription.resume', target));
  }

  /** With what the workers know of those that they have open, here or at another node. */
  async #alive(
    stored: readonly SubscriptionSummary[],
    keyOf: (one: SubscriptionSummary) => TopicKey,
  ): Promise<SubscriptionSummary[]> {
    if (stored.length === 0) return [];
    const of = stored.map(({ topicId, name }) => ({ topicId, name }));
    const known = await this.#control.askAll('subscription.live', { of });
    return Promise.all(
      stored.map(async (summary, n) => {
        const here = known.find(({ standings }) => standings[n] != null)?.standings[n];
        return { ...summary, ...(here ?? (await this.#elsewhere(summary, keyOf(summary)))) };
      }),
    );
  }

  /** What the node says that has it, if it is another one, and answers; null: nobody has it open. */
  async #elsewhere(
    { topicId, name, owner }: SubscriptionSummary,
    key: TopicKey,
  ): Promise<SubscriptionStanding | null> {
    if (owner == null) return null;
    const { workers } = this.#control;
    const of = [{ topicId, name, at: { bootId: owner, key } }];
    const { standings } = await workers.call(workers.ownerOf(key), 'subscription.live', { of });
    return standings[0] ?? null;
  }
}

function changed({ subscription }: CallResult<'subscription.patch'>): SubscriptionSummary {
  if (subscription === null) throw notFound();
  return subscription;
}

function notFound(): RequestError {
  const detail = 'the topic has no durable subscription of this name';
  return new RequestError('subscription_not_found', detail, 'subscription');
}

function byName(a: SubscriptionSummary, b: SubscriptionSummary): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
