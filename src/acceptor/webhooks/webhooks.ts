/**
 * The webhooks that this acceptor sends for: opens a session for each that the main thread says, closes
 * those that are another's by now, and tries again what could not be opened. Of one that changed the session
 * before has ended before the next one begins.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '../../core/backoff.js';
import type { Clock } from '../../core/clock.js';
import { type ErrorCode, RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import { Principal } from '../../core/principal.js';
import { type WebhookChanges, type WebhookRecord, webhookKey } from '../../core/webhook-record.js';
import type { SubscribeOptions } from '../../thread/ops/subscribe-options.js';
import type { WebhookPort } from '../../thread/webhook-port.js';
import { type AuditSink, frameEvent } from '../http/audit-note.js';
import type { Guard } from '../http/guard.js';
import type { Sessions } from '../session/sessions.js';
import type { Subscriptions } from '../session/subscriptions.js';
import { systemResolve } from './checked-lookup.js';
import { Endpoint } from './endpoint.js';
import type { Outcome } from './outcome.js';
import { type WebhookEnd, WebhookSession } from './webhook-session.js';

const AGAIN = { firstMs: 200, capMs: 10_000 };
/** At a drain, for what is under way. */
const DRAIN_MS = 3_000;
const POLL_MS = 20;

export interface WebhooksOptions {
  guard: Guard;
  sessions: Pick<Sessions, 'checkRoom' | 'nextNumber' | 'add' | 'remove'>;
  subscriptions: Pick<Subscriptions, 'subscribe' | 'nextNumber' | 'receiverEnded'>;
  port: Pick<WebhookPort, 'ask'>;
  audit: AuditSink;
  limits: Limits;
  clock: Clock;
  mayCall: (address: string) => boolean;
  /** Whether this node's lease holds. */
  holds: () => boolean;
  onOutcome: (outcome: Outcome, ms: number) => void;
}

/** One that this acceptor is to send for. */
interface Seat {
  webhook: WebhookRecord;
  session: WebhookSession | null;
  timer: NodeJS.Timeout | null;
  /** That failed, one after another. */
  failures: number;
}

export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #seats = new Map<string, Seat>();
  /** Those that are closing, too. */
  readonly #sessions = new Set<WebhookSession>();
  #state: 'open' | 'draining' = 'open';

  constructor(options: WebhooksOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** It sends for those that were put from now on, and for those that are gone no more. */
  changed({ put, gone }: WebhookChanges): void {
    if (this.#state === 'draining') return;
    for (const key of gone) {
      const seat = this.#seats.get(key);
      if (seat !== undefined) this.#leave(key, seat);
    }
    for (const webhook of put) {
      const known = this.#seats.get(webhookKey(webhook));
      if (known !== undefined) this.#replace(known, webhook);
      else this.#begin(webhook);
    }
  }

  #begin(webhook: WebhookRecord): void {
    const seat: Seat = { webhook, session: null, timer: null, failures: 0 };
    this.#seats.set(webhookKey(webhook), seat);
    this.#open(seat);
  }

  /** Nothing more is sent; resolves when nothing is under way, or after a while. */
  async drain(): Promise<void> {
    this.#state = 'draining';
    for (const [key, seat] of [...this.#seats]) this.#leave(key, seat);
    const untilMs = this.#options.clock.monotonic() + DRAIN_MS;
    while (this.#sessions.size > 0 && this.#options.clock.monotonic() < untilMs) {
      await delay(POLL_MS);
    }
    for (const session of [...this.#sessions]) session.end('closed');
  }

  close(): void {
    this.#state = 'draining';
    for (const { timer } of this.#seats.values()) if (timer !== null) clearTimeout(timer);
    this.#seats.clear();
    for (const session of [...this.#sessions]) session.end('closed');
  }

  #leave(key: string, seat: Seat): void {
    this.#seats.delete(key);
    if (seat.timer !== null) clearTimeout(seat.timer);
    seat.session?.close('closed');
  }

  #replace(seat: Seat, next: WebhookRecord): void {
    seat.webhook = next;
    seat.failures = 0;
    if (seat.session === null) this.#openSoon(seat);
    else seat.session.close('closed');
  }

  #open(seat: Seat): void {
    if (seat.timer !== null) clearTimeout(seat.timer);
    seat.timer = null;
    if (!this.#isCurrent(seat) || seat.session !== null) return;
    const { webhook } = seat;
    const principal = new Principal(webhook.tenant, ['subscribe']);
    try {
      this.#options.sessions.checkRoom(principal);
      this.#subscribe(seat, this.#session(seat, principal));
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#openLater(seat);
    }
  }

  #session(seat: Seat, principal: Principal): WebhookSession {
    const { sessions, subscriptions, guard, clock, limits, mayCall, holds, onOutcome } =
      this.#options;
    const { webhook } = seat;
    const { url, concurrency, timeoutMs } = webhook;
    const endpoint = new Endpoint({
      ...{ url, concurrency, timeoutMs, mayCall, resolve: systemResolve },
      retryAfterMsMax: limits.webhookRetryAfterMsMax,
      now: () => clock.now(),
    });
    const session: WebhookSession = new WebhookSession({
      ...{ number: sessions.nextNumber(), principal, webhook, endpoint, clock, holds },
      onOutcome: (outcome, ms) => {
        seat.failures = 0;
        onOutcome(outcome, ms);
      },
      onFault: (error) => guard.broken('webhook', session, error),
      onEnded: (ended, why) => {
        this.#sessions.delete(ended);
        sessions.remove(ended, 'server');
        guard.run('end of a webhook', ended, () => subscriptions.receiverEnded(ended, 'clean'));
        this.#ended(seat, ended, why);
      },
    });
    seat.session = session;
    this.#sessions.add(session);
    sessions.add(session);
    return session;
  }

  #subscribe(seat: Seat, session: WebhookSession): void {
    const { subscriptions } = this.#options;
    const request = {
      receiver: session,
      number: subscriptions.nextNumber(),
      counts: 'one more',
      topic: seat.webhook.topic,
      options: optionsOf(seat.webhook),
      onOpen: (subscription) => session.opened(subscription),
      onFailed: ({ code }) => session.end(endOf(code)),
    } satisfies Parameters<Subscriptions['subscribe']>[0];
    try {
      subscriptions.subscribe(request);
    } catch (error) {
      session.end('lost');
      if (!(error instanceof RequestError)) throw error;
    }
  }

  #ended(seat: Seat, session: WebhookSession, why: WebhookEnd): void {
    if (seat.session === session) seat.session = null;
    const isOld = session.webhook.version !== seat.webhook.version;
    if (why === 'gone') this.#disable(session);
    if (why === 'deleted') this.#forget(session);
    if (!this.#isCurrent(seat) || (why !== 'lost' && !isOld)) return;
    if (isOld) this.#openSoon(seat);
    else this.#openLater(seat);
  }

  #openSoon(seat: Seat): void {
    if (seat.timer !== null) clearTimeout(seat.timer);
    seat.timer = setTimeout(() => this.#open(seat), 0);
  }

  #openLater(seat: Seat): void {
    seat.failures++;
    const ms = backoffMs(seat.failures, AGAIN, this.#options.clock.random);
    seat.timer = setTimeout(() => this.#open(seat), ms);
  }

  #isCurrent(seat: Seat): boolean {
    return this.#state === 'open' && this.#seats.get(webhookKey(seat.webhook)) === seat;
  }

  #disable({ webhook, principal }: WebhookSession): void {
    const { tenant, topic, name, version } = webhook;
    const args = { place: { tenant, topic, name }, version, reason: 'gone' } as const;
    this.#tell(webhook, () =>
      this.#options.port.ask(tenant, 'webhooks.disable', args).then(({ disabled }) => {
        if (!disabled) return;
        const object = `${topic}/${name}`;
        const what = { action: 'webhook.disable', object, outcome: 'ok' } as const;
        this.#options.audit.add(frameEvent({ principal, address: '' }, what));
      }),
    );
  }

  #forget({ webhook }: WebhookSession): void {
    const { tenant, topic, name, version } = webhook;
    const args = { place: { tenant, topic, name }, version };
    this.#tell(webhook, () => this.#options.port.ask(tenant, 'webhooks.gone', args));
  }

  /** Until it was taken, or this acceptor sends for it no more: nothing is sent meanwhile. */
  #tell(webhook: WebhookRecord, ask: () => Promise<unknown>): void {
    const seat = this.#seats.get(webhookKey(webhook));
    ask().catch((error: unknown) => {
      if (!(error instanceof RequestError)) this.#options.guard.caught('webhooks', error);
      if (seat === undefined || !this.#isCurrent(seat) || seat.webhook !== webhook) return;
      seat.failures++;
      const ms = backoffMs(seat.failures, AGAIN, this.#options.clock.random);
      seat.timer = setTimeout(() => this.#tell(webhook, ask), ms);
    });
  }
}

function endOf(code: ErrorCode): WebhookEnd {
  return code === 'topic_not_found' ? 'deleted' : 'lost';
}

function optionsOf(webhook: WebhookRecord): SubscribeOptions {
  const { name, concurrency, ackWaitMs, maxDeliver, ordering, start } = webhook;
  return {
    ...{ name, ackWaitMs, maxDeliver, ordering },
    ack: 'explicit',
    maxInFlight: concurrency,
    exclusive: false,
    start: startOf(start),
    create: false,
    // What it takes is told once it is open.
    wanted: 0,
  };
}

function startOf(start: WebhookRecord['start']): SubscribeOptions['start'] {
  return start.from === 'latest' || start.from === 'earliest' ? { from: start.from } : start;
}
