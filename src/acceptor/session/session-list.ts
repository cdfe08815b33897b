/**
 * What an acceptor says of its own sessions and streams to whoever operates them, and the end of one that is
 * to be closed. It looks at some at a time, so that nobody waits while it reads through all.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { CLOSE, RequestError } from '../../core/errors.js';
import type {
  SessionFormat,
  SessionRecord,
  SessionSubscription,
  SubscriptionFill,
} from '../../core/session-record.js';
import type { Tenant } from '../../core/topic-key.js';
import {
  NO_SESSIONS,
  type SessionAsk,
  type SessionCloseAsk,
  type SessionListAsk,
  type SessionsTold,
} from '../../thread/session-calls.js';
import type { Receiver, ReceiverSubscription } from '../delivery/receiver.js';
import {
  KIND_JSON,
  KIND_MSGPACK,
  KIND_PULL,
  KIND_SSE,
  KIND_WEBHOOK,
  type ReceiverKind,
} from '../delivery/receiver-kind.js';
import type { Workers } from '../workers/workers.js';
import type { Sessions } from './sessions.js';

const LOOKED_AT_ONCE = 1_000;
/** A page ends with the session that brings it there: their subscriptions are what it is made of. */
const SUBSCRIPTIONS_MAX = 4_000;

export interface SessionListOptions {
  sessions: Pick<Sessions, 'receivers' | 'receiver' | 'dismiss'>;
  workers: Pick<Workers, 'byIndex' | 'call' | 'count'>;
  /** Of this thread: which acceptor it is, and which of those that were. */
  seat: { readonly index: number; readonly generation: number };
}

type Fills = ReadonlyMap<ReceiverSubscription, SubscriptionFill>;

export class SessionList {
  readonly #options: SessionListOptions;

  constructor(options: SessionListOptions) {
    this.#options = options;
  }

  async answer(ask: SessionAsk): Promise<SessionsTold> {
    return ask.what === 'list' ? this.#list(ask) : this.#close(ask);
  }

  #close({ tenant, place }: SessionCloseAsk): SessionsTold {
    const { sessions, seat } = this.#options;
    if (place.generation !== seat.generation) return NO_SESSIONS;
    const receiver = sessions.receiver(place.number);
    if (receiver === undefined || !isShown(receiver, tenant)) return NO_SESSIONS;
    sessions.dismiss(receiver, CLOSE.dismissed);
    return { ...NO_SESSIONS, closed: true };
  }

  async #list(ask: SessionListAsk): Promise<SessionsTold> {
    const { found, more } = await this.#find(ask);
    const fills = await this.#fills(found);
    const records = found
      .filter((receiver) => !receiver.isGone)
      .map((receiver) => this.#record(receiver, fills));
    return { ...NO_SESSIONS, records, more };
  }

  /** They stand in the order of their numbers, but for a thread that has had 2^32 of them. */
  async #find({ tenant, topic, after, limit }: SessionListAsk) {
    const { sessions, seat } = this.#options;
    const isLater = after !== null && after.acceptor === seat.index;
    // Of an earlier thread of this place nothing is left: all that there is comes behind it.
    const from = isLater && after.generation === seat.generation ? after.number : 0;
    const found: Receiver[] = [];
    let subscriptions = 0;
    let looked = 0;
    for (const receiver of sessions.receivers()) {
      looked++;
      if (looked % LOOKED_AT_ONCE === 0) await turn();
      if (receiver.number <= from || !isShown(receiver, tenant)) continue;
      if (topic !== null && !subscribes(receiver, topic)) continue;
      if (found.length === limit || subscriptions >= SUBSCRIPTIONS_MAX)
        return { found, more: true };
      found.push(receiver);
      subscriptions += receiver.subscriptions.size;
    }
    return { found, more: false };
  }

  async #fills(receivers: readonly Receiver[]): Promise<Fills> {
    const { workers } = this.#options;
    const byWorker = Array.from({ length: workers.count }, (): ReceiverSubscription[] => []);
    for (const { subscriptions } of receivers) {
      for (const one of subscriptions.values()) byWorker[one.link.worker]?.push(one);
    }
    const told = await Promise.all(byWorker.map((ofOne, worker) => this.#fillsAt(worker, ofOne)));
    return new Map(told.flat());
  }

  async #fillsAt(
    worker: number,
    all: readonly ReceiverSubscription[],
  ): Promise<[ReceiverSubscription, SubscriptionFill][]> {
    // What its token is no longer for is about to end.
    const subscriptions = all.filter(({ receiver, topic }) => receiver.principal.reaches(topic));
    if (subscriptions.length === 0) return [];
    const { workers, seat } = this.#options;
    const of = subscriptions.map(({ receiver, topic, number }) => {
      return { key: receiver.principal.keyOf(topic), number };
    });
    try {
      const args = { acceptor: seat.index, of };
      const { fills } = await workers.call(workers.byIndex(worker), 'sessions.fills', args);
      return subscriptions.flatMap((one, at) => {
        const fill = fills[at] ?? null;
        return fill === null ? [] : [[one, fill] as [ReceiverSubscription, SubscriptionFill]];
      });
    } catch (error) {
      // It is being replaced: who is there is known without it.
      if (error instanceof RequestError) return [];
      throw error;
    }
  }

  #record(receiver: Receiver, fills: Fills): SessionRecord {
    const { principal, address, client, connectedAtMs, bufferBytes, kind } = receiver;
    const { index: acceptor, generation } = this.#options.seat;
    const subscriptions = [...receiver.subscriptions.values()].map(
      (one): SessionSubscription => ({
        topic: one.topic,
        name: one.name,
        ack: one.options.ack,
        fill: fills.get(one) ?? null,
      }),
    );
    return {
      place: { acceptor, generation, number: receiver.number },
      tenant: principal.tenant,
      keyId: (principal.token?.issuer ?? principal).keyId,
      format: formatOf(kind),
      ...{ address, client, connectedAtMs, subscriptions, bufferBytes },
    };
  }
}

function isShown(receiver: Receiver, tenant: Tenant | null): boolean {
  if (tenant !== null && receiver.principal.tenant !== tenant) return false;
  return !receiver.isGone && receiver.connectedAtMs > 0;
}

function subscribes({ subscriptions }: Receiver, topic: string): boolean {
  if (subscriptions.has(topic)) return true;
  for (const one of subscriptions.values()) if (one.topic === topic) return true;
  return false;
}

function formatOf(kind: ReceiverKind): SessionFormat {
  if (kind === KIND_SSE) return 'sse';
  if (kind === KIND_PULL) return 'pull';
  if (kind === KIND_WEBHOOK) return 'webhook';
  if (kind === KIND_MSGPACK) return 'msgpack';
  return kind === KIND_JSON ? 'json' : 'single';
}
