/**
 * Sessions that go on with another token. It may have to be looked at by others first, so the answer comes
 * later; until then, and when it is refused, the session has the token that it had.
 */
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { Admitted } from '../../tenant/key-cache.js';
import type { Ref, RefreshFrame } from '../../wire/frame-types.js';
import { refreshedFrame } from '../../wire/views/token-view.js';
import { subscriptionPlace } from '../delivery/receiver.js';
import type { Guard } from '../http/guard.js';
import type { Session } from './session.js';
import type { Subscriptions } from './subscriptions.js';

export interface RefreshesOptions {
  guard: Guard;
  subscriptions: Subscriptions;
  /** Whose a token is; calls back once, at once or later. */
  admit: (token: string, admitted: Admitted) => void;
  /** The session is of this one from now on. */
  renew: (session: Session, principal: Principal) => void;
}

export class Refreshes {
  readonly #options: RefreshesOptions;
  /** One of each session. */
  readonly #underWay = new Set<Session>();

  constructor(options: RefreshesOptions) {
    this.#options = options;
  }

  /** Throws `invalid_field` for a session that has no token, `busy` while one is under way. */
  refresh(session: Session, { token, ref }: RefreshFrame): void {
    const { admit, guard } = this.#options;
    if (session.principal.token === null) {
      const detail = 'this session did not come with a token: there is nothing to refresh';
      throw new RequestError('invalid_field', detail, 'token');
    }
    if (this.#underWay.has(session)) {
      throw new RequestError('busy', 'another refresh of this session is under way');
    }
    this.#underWay.add(session);
    admit(token, (outcome) => {
      this.#underWay.delete(session);
      if (session.isGone) return;
      guard.run('refresh', session, () => this.#settle(session, outcome, ref));
    });
  }

  #settle(session: Session, outcome: Principal | RequestError, ref: Ref): void {
    if (outcome instanceof RequestError) {
      session.refuse(outcome.code, outcome.message, ref);
      return;
    }
    const { tenant, token } = session.principal;
    if (outcome.tenant !== tenant || outcome.token?.subject !== token?.subject) {
      session.refuse('forbidden', 'the token is of another tenant, or for another subject', ref);
      return;
    }
    this.#endOutside(session, outcome);
    this.#options.renew(session, outcome);
    session.sendFrame(refreshedFrame(outcome.expiresAtMs ?? 0, ref));
    // Else who refreshes all the time costs more than he is held to.
    session.countIdle();
  }

  /** While the session is of the old one still: the topics are outside of what the new one may name. */
  #endOutside(session: Session, principal: Principal): void {
    const { subscriptions } = this.#options;
    for (const [key, number] of session.subscribed()) {
      const { topic, name } = subscriptionPlace(key);
      if (principal.may('subscribe') && principal.reaches(topic)) continue;
      subscriptions.withdraw({
        ...{ receiver: session, number, topic, name },
        onEnded: () => {
          const subscription = name ?? undefined;
          session.sendFrame({ type: 'unsubscribed', topic, subscription, reason: 'forbidden' });
        },
        // It had ended before, and was told so.
        onFailed: () => undefined,
      });
    }
  }
}
