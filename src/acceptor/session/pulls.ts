/**
 * HTTP consumers: POST /api/subscriptions/:topic/:name/pull. The sessions of those who pull by way of
 * this acceptor, one for each API key and subscription, from the first pull until nobody has pulled for a
 * while and nothing of what was handed out is still to be settled.
 */
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import type { Principal } from '../../core/principal.js';
import type { Tenant } from '../../core/topic-key.js';
import type { SubscribeOptions } from '../../thread/ops/subscribe-options.js';
import type { PullAsk } from '../../wire/schemas/pulls.js';
import type { Exchange } from '../http/exchange.js';
import type { Guard } from '../http/guard.js';
import type { Workers } from '../workers/workers.js';
import { Pull } from './pull.js';
import { Puller } from './puller.js';
import type { Sessions } from './sessions.js';
import type { Subscriptions } from './subscriptions.js';

const SWEEP_MS = 1_000;
/** Of what a session may hold: the most that a subscribe may ask for. */
const IN_FLIGHT_MAX = 1_000;
const LATEST = { from: 'latest' } as const;

export interface PullsOptions {
  guard: Guard;
  sessions: Pick<Sessions, 'checkRoom' | 'nextNumber' | 'add' | 'remove'>;
  subscriptions: Pick<Subscriptions, 'subscribe' | 'nextNumber' | 'receiverEnded'>;
  workers: Pick<Workers, 'ownerOf' | 'call'>;
  limits: Limits;
  clock: Clock;
  /** Of this thread. */
  acceptor: number;
}

/** What is pulled from. */
export interface PullPlace {
  topic: string;
  name: string;
  /** Of the client. */
  address: string;
}

export class Pulls {
  readonly #options: PullsOptions;
  readonly #pullers = new Map<string, Puller>();
  /** Pulls that wait. */
  readonly #ofTenant = new Map<Tenant, number>();
  readonly #sweeper: NodeJS.Timeout;
  #state: 'open' | 'draining' = 'open';

  constructor(options: PullsOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** Throws RequestError; else it is answered later. */
  pull(exchange: Exchange, place: PullPlace, ask: PullAsk): void {
    if (this.#state === 'draining') throw new RequestError('draining', 'this node shuts down');
    const { principal } = exchange;
    refuseToken(principal);
    this.#checkTenant(principal.tenant);
    const puller = this.#puller(principal, place, ask);
    const { pullsPerSubscriptionMax, pullBytesMax: bytesMax } = this.#options.limits;
    if (puller.waiting >= pullsPerSubscriptionMax) {
      throw tooMany(`PULLS_PER_SUBSCRIPTION_MAX (${pullsPerSubscriptionMax})`);
    }
    this.#count(principal.tenant, 1);
    puller.ask(new Pull(exchange, ask, { bytesMax, onDue: (pull) => puller.look(pull) }));
  }

  /** Those that wait are answered with what they have, and no more are taken. */
  answerAll(): void {
    this.#state = 'draining';
    for (const puller of this.#pullers.values()) puller.answerAll();
  }

  /** All sessions end: what they hold is given to others. */
  drain(): void {
    this.answerAll();
    for (const puller of [...this.#pullers.values()]) puller.end();
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  #checkTenant(tenant: Tenant): void {
    const { pullsPerTenantMax } = this.#options.limits;
    if ((this.#ofTenant.get(tenant) ?? 0) < pullsPerTenantMax) return;
    throw tooMany(`PULLS_PER_TENANT_MAX (${pullsPerTenantMax})`);
  }

  #count(tenant: Tenant, by: 1 | -1): void {
    const count = (this.#ofTenant.get(tenant) ?? 0) + by;
    if (count > 0) this.#ofTenant.set(tenant, count);
    else this.#ofTenant.delete(tenant);
  }

  #puller(principal: Principal, { topic, name, address }: PullPlace, ask: PullAsk): Puller {
    const { sessions, clock, guard } = this.#options;
    const key = `${principal.keyId} ${principal.loginId} ${principal.keyOf(topic)} ${name}`;
    const known = this.#pullers.get(key);
    if (known !== undefined) return known;
    sessions.checkRoom(principal);
    const puller: Puller = new Puller({
      ...{ number: sessions.nextNumber(), principal, address, topic, name, clock },
      onOver: () => this.#count(principal.tenant, -1),
      onEnded: () => {
        this.#pullers.delete(key);
        sessions.remove(puller, 'server');
        guard.run('end of pulls', puller, () => {
          this.#options.subscriptions.receiverEnded(puller, 'clean');
        });
      },
    });
    this.#subscribe(puller, ask);
    this.#pullers.set(key, puller);
    sessions.add(puller);
    return puller;
  }

  #subscribe(puller: Puller, ask: PullAsk): void {
    const { subscriptions } = this.#options;
    subscriptions.subscribe({
      receiver: puller,
      number: subscriptions.nextNumber(),
      counts: 'one more',
      topic: puller.topic,
      options: optionsOf(puller.name, ask),
      onOpen: (subscription, { gap }) => {
        if (gap !== null) puller.tellGap(gap);
        puller.opened(subscription);
      },
      onFailed: ({ code, detail }) => puller.fail(new RequestError(code, detail)),
    });
  }

  #sweep(): void {
    const { clock, limits } = this.#options;
    const before = clock.monotonic() - limits.pullIdleS * 1_000;
    for (const puller of [...this.#pullers.values()]) {
      if (puller.waiting === 0 && puller.usedAtMs <= before) this.#endIdle(puller);
    }
  }

  /** Unless something of it is in flight: that is given back when its time is over, and not before. */
  #endIdle(puller: Puller): void {
    const { workers, clock, acceptor } = this.#options;
    const lookedAtMs = clock.monotonic();
    puller.usedAtMs = lookedAtMs;
    const [subscription] = puller.subscriptions.values();
    if (subscription === undefined) return;
    const { link, number, topic } = subscription;
    const key = puller.principal.keyOf(topic);
    const args = { key, subscription: puller.name, by: { acceptor, number } };
    workers.call(link, 'subscription.held', args).then(
      ({ held }) => {
        if (held === 0 && puller.waiting === 0 && puller.usedAtMs === lookedAtMs) puller.end();
      },
      (error: unknown) => {
        // Nobody can be asked now: it is looked at again.
        if (!(error instanceof RequestError)) this.#options.guard.broken('idle', puller, error);
      },
    );
  }
}

function optionsOf(name: string, ask: PullAsk): SubscribeOptions {
  return {
    name,
    ack: 'explicit',
    maxInFlight: IN_FLIGHT_MAX,
    ackWaitMs: ask.ack_wait_ms,
    maxDeliver: ask.max_deliver,
    ordering: ask.ordering,
    exclusive: false,
    start: ask.start ?? LATEST,
    create: false,
    // What its pulls want is told once it is open.
    wanted: 0,
  };
}

/** As for a subscribe: the place of a durable subscription is its service's. */
export function refuseToken({ token }: Principal): void {
  if (token === null) return;
  throw new RequestError('forbidden', 'a token names no durable subscription: use a key');
}

function tooMany(limit: string): RequestError {
  return new RequestError('pull_limit', `as many pulls wait as may: ${limit}`);
}
