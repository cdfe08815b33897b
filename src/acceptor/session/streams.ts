/**
 * Server-sent events: GET /api/topics/:name/events. The streams of this acceptor, from request to end.
 * They count as sessions do, are pinged, and end when they take nothing, or when the node drains.
 */

import type { HttpRequest } from 'uWebSockets.js';
import type { ClientName } from '../../core/client-name.js';
import type { Clock } from '../../core/clock.js';
import { ERRORS, type ErrorCode, RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import type { SharedCount } from '../../core/shared-count.js';
import type { SubscribedOp } from '../../thread/ops/subscribe.js';
import type { SubscribeOptions } from '../../thread/ops/subscribe-options.js';
import type { FrameForm } from '../../wire/event-of-message.js';
import type { StartParts } from '../../wire/start.js';
import type { Deliveries } from '../delivery/deliveries.js';
import type { ReceiverSubscription } from '../delivery/receiver.js';
import type { Exchange } from '../http/exchange.js';
import type { Guard } from '../http/guard.js';
import type { Proxies } from '../http/proxies.js';
import { Rounds } from './rounds.js';
import type { Sessions } from './sessions.js';
import { position, Stream, turnAway } from './stream.js';
import { type StreamStart, streamStart } from './stream-start.js';
import type { Subscriptions } from './subscriptions.js';

const SWEEP_MS = 1_000;

/** A stream cannot acknowledge: it resumes by Last-Event-ID. */
const STREAM_OPTIONS: Omit<SubscribeOptions, 'start'> = {
  name: null,
  ack: 'none',
  maxInFlight: null,
  ackWaitMs: null,
  maxDeliver: null,
  ordering: 'none',
  exclusive: false,
  create: false,
};

export interface StreamsOptions {
  guard: Guard;
  sessions: Sessions;
  proxies: Pick<Proxies, 'clientOf'>;
  subscriptions: Subscriptions;
  deliveries: () => Deliveries;
  limits: Limits;
  clock: Clock;
  /** Those of the whole node that are open. */
  count: SharedCount;
}

/** What the URL of a stream says. */
export interface StreamAsk {
  topic: string;
  parts: StartParts;
  client: ClientName | null;
  form: FrameForm;
}

/** A stream that its owner writes to. */
export interface PlainStream {
  /** What the client calls itself; null: it has not said. */
  client: ClientName | null;
  onEnd: (stream: Stream) => void;
}

/** One stream that is being opened. */
interface Opening {
  exchange: Exchange;
  stream: Stream;
  topic: string;
  asked: StreamStart;
}

export class Streams {
  readonly #options: StreamsOptions;
  readonly #open = new Set<Stream>();
  readonly #toPing: Rounds<Stream>;
  readonly #sweeper: NodeJS.Timeout;
  #sweptAtMs: number;
  #state: 'open' | 'draining' = 'open';

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#toPing = new Rounds(this.#open, options.limits.pingIntervalS * 1_000);
    this.#sweptAtMs = options.clock.monotonic();
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** The route. */
  open(exchange: Exchange, req: HttpRequest, { topic, parts, client, form }: StreamAsk): void {
    const { sessions } = this.#options;
    const asked = streamStart(parts, req.getHeader('last-event-id'));
    const stream = this.#made(exchange, req, { client, form });
    const opening = { exchange, stream, topic, asked };
    try {
      if (this.#state === 'draining') throw new RequestError('draining', 'this node shuts down');
      sessions.checkRoom(exchange.principal);
      this.#subscribe(opening, asked.start);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#refuse(opening, error.code, error.message);
      return;
    }
    // Last: one that is refused leaves nothing behind.
    sessions.add(stream);
    exchange.onGone = () => this.#ended(stream);
  }

  /**
   * One without a subscription, for its owner to write to; it is pinged, and ends, as all of them. Null: it
   * was refused, or nobody is there. Throws RequestError.
   */
  openPlain(exchange: Exchange, req: HttpRequest, { client, onEnd }: PlainStream): Stream | null {
    const stream = this.#made(exchange, req, { client, form: 'message' });
    if (this.#state === 'draining') throw new RequestError('draining', 'this node shuts down');
    this.#options.sessions.checkRoom(exchange.principal);
    this.#options.sessions.add(stream);
    exchange.onGone = () => {
      this.#ended(stream);
      onEnd(stream);
    };
    return this.#start(stream, '') ? stream : null;
  }

  /** Ends all streams; clients come back by themselves, elsewhere. */
  drain(): void {
    this.#state = 'draining';
    for (const stream of [...this.#open]) stream.leave();
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  #made(
    exchange: Exchange,
    req: HttpRequest,
    { client, form }: Pick<StreamAsk, 'client' | 'form'>,
  ): Stream {
    const { sessions, proxies, deliveries, clock, guard } = this.#options;
    const stream: Stream = new Stream({
      exchange,
      number: sessions.nextNumber(),
      address: proxies.clientOf(exchange.res, req),
      client,
      form,
      deliveries,
      clock,
      guard,
      onUnopened: () => this.#ended(stream),
    });
    return stream;
  }

  #start(stream: Stream, first: string): boolean {
    if (!stream.start(first)) return false;
    this.#open.add(stream);
    this.#options.count.add(1);
    return true;
  }

  #subscribe(opening: Opening, start: SubscribeOptions['start']): void {
    const { subscriptions } = this.#options;
    const { stream, topic, asked } = opening;
    subscriptions.subscribe({
      receiver: stream,
      number: subscriptions.nextNumber(),
      counts: 'one more',
      topic,
      options: { ...STREAM_OPTIONS, start },
      onOpen: (subscription, op) => this.#opened(opening, subscription, op),
      onFailed: ({ code, detail }) => {
        if (code === 'bad_cursor' && asked.start.from === 'sequence' && start === asked.start) {
          this.#startAhead(opening);
          return;
        }
        this.#ended(stream);
        this.#refuse(opening, code, detail);
      },
    });
  }

  /** It has seen more than there is. What comes next is new to it all the same, so it is told and goes on. */
  #startAhead(opening: Opening): void {
    try {
      this.#subscribe(opening, { from: 'latest' });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#ended(opening.stream);
      this.#refuse(opening, error.code, error.message);
    }
  }

  #opened(
    { stream, topic, asked }: Opening,
    subscription: ReceiverSubscription,
    op: SubscribedOp,
  ): void {
    // An id without data is no event, but from now on EventSource knows where to go on.
    if (!this.#start(stream, `id: ${position(subscription)}\n`)) return;
    const head = subscription.lastSequence;
    const { start, kind } = asked;
    if (op.gap !== null) stream.gap(topic, op.gap);
    else if (kind === 'unknown') {
      // Of an empty topic it can have missed nothing.
      if (head > 0) stream.gap(topic, { from: 1, to: head, reason: 'unknown_position' });
    } else if (start.from === 'sequence' && start.sequence > head + 1) {
      stream.gap(topic, { from: head + 1, to: start.sequence - 1, reason: 'ahead' });
    }
  }

  #refuse({ exchange, asked }: Opening, code: ErrorCode, detail: string): void {
    if (asked.kind !== 'fresh' && ERRORS[code].temporary) {
      turnAway(exchange, code, this.#options.clock);
    } else exchange.failWith({ code, detail, field: code === 'topic_not_found' ? 'topic' : null });
  }

  #ended(stream: Stream): void {
    stream.state = 'closed';
    if (this.#open.delete(stream)) this.#options.count.giveBack();
    const { sessions, subscriptions, guard } = this.#options;
    sessions.remove(stream, this.#state === 'draining' ? 'server' : 'client');
    guard.run('end of a stream', stream, () => subscriptions.receiverEnded(stream, 'clean'));
  }

  /** Pings some of the streams, so that not all are written to in one turn; cuts those that take nothing. */
  #sweep(): void {
    const { clock, limits, guard } = this.#options;
    const nowMs = clock.monotonic();
    for (const stream of [...this.#open]) {
      const { laggingSinceMs } = stream;
      const isSlow = laggingSinceMs !== 0 && nowMs - laggingSinceMs >= limits.writeDeadlineMs;
      if (isSlow) guard.run('write deadline', stream, () => stream.cut());
    }
    for (const stream of this.#toPing.turns(nowMs - this.#sweptAtMs)) {
      guard.run('ping', stream, () => stream.ping());
    }
    this.#sweptAtMs = nowMs;
  }
}
