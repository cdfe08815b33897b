/** What HTTP consumers say of messages that they pulled, by their tokens. */
import type { DeliveryToken } from '../../core/handed-out.js';
import type { Principal } from '../../core/principal.js';
import type { CallArgs } from '../../thread/calls.js';
import { formatToken } from '../../wire/delivery-token.js';
import type { SubscriptionPlace } from '../../wire/schemas/subscriptions.js';
import { refuseToken } from '../session/pulls.js';
import type { Control } from './control.js';

export type Settling = Pick<CallArgs<'subscription.settle'>, 'verdict' | 'ms' | 'reason'> & {
  tokens: DeliveryToken[];
};

export class SettleRoutes {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  async settle(
    principal: Principal,
    { topic, name }: SubscriptionPlace,
    { tokens: of, ...said }: Settling,
  ): Promise<{ settled: number; unknown: string[] }> {
    refuseToken(principal);
    const key = principal.keyOf(topic);
    const args = { ...said, key, subscription: name, of };
    const { unknown } = await this.#control.call('subscription.settle', args);
    const texts = unknown.flatMap((place) => {
      const token = of[place];
      return token === undefined ? [] : [formatToken(token)];
    });
    return { settled: of.length - unknown.length, unknown: texts };
  }
}
