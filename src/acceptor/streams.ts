/**
 * Server-sent events: GET /api/topics/:name/events. A stream is a receiver like a WebSocket session, on
 * the same groups and pages; only its frames are written as SSE text.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { Clock } from '../core/clock.js';
import { type ErrorCode, RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import type { AcceptorLinkEnd } from '../thread/link.js';
import type { SubscribeOptions } from '../thread/ops.js';
import type { Ref } from '../wire/frame-types.js';
import { errorFrame } from '../wire/problem.js';
import type { Deliveries } from './deliveries.js';
import { type Exchange, faultOfOurs } from './exchange.js';
import type { Group } from './group.js';
import type { Guard } from './guard.js';
import { sequenceOf, splitFrames } from './publish-log.js';
import { topicOf } from './query.js';
import { KIND_SSE, type Receiver, type ReceiverSubscription, TAKEN } from './receiver.js';
import type { Sessions } from './sessions.js';
import type { Subscriptions } from './subscriptions.js';

const PING_MS = 15_000;
const RETRY_MS = 2_000;

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
  subscriptions: Subscriptions;
  deliveries: () => Deliveries;
  limits: Limits;
  clock: Clock;
}

export class Streams {
  readonly #options: StreamsOptions;
  readonly #open = new Set<Stream>();
  readonly #pinger: NodeJS.Timeout;
  #state: 'open' | 'draining' = 'open';

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#pinger = setInterval(() => this.#tick(), PING_MS / 3);
  }

  /** The route. */
  open(exchange: Exchange, req: HttpRequest, segment: string): void {
    const { limits, sessions, subscriptions } = this.#options;
    if (this.#state === 'draining')
      throw new RequestError('draining', 'this node is shutting down');
    const topic = topicOf(segment, limits);
    const start = startOf(req.getHeader('last-event-id'));
    const stream = new Stream(exchange, sessions.nextNumber(), this.#options);
    const ended = (): void => subscriptions.receiverEnded(stream, false);
    exchange.onGone = () => {
      stream.state = 'closed';
      this.#open.delete(stream);
      sessions.remove(stream);
      this.#options.guard.run('end of a stream', stream, ended);
    };
    subscriptions.subscribe({
      receiver: stream,
      number: subscriptions.nextNumber(),
      topic,
      options: { ...STREAM_OPTIONS, start },
      onOpen: (_subscription, op) => {
        if (!stream.start()) return;
        this.#open.add(stream);
        if (op.gap !== null) stream.sendFrame({ type: 'gap', topic, ...op.gap });
      },
      onFailed: ({ code, detail }) => {
        sessions.remove(stream);
        exchange.failWith({ code, detail, field: 'topic' });
      },
    });
    // Last: a subscribe that throws leaves nothing behind.
    sessions.add(stream);
  }

  /** Ends all streams; clients come back by themselves, elsewhere. */
  drain(): void {
    this.#state = 'draining';
    for (const stream of [...this.#open]) stream.end();
  }

  close(): void {
    clearInterval(this.#pinger);
  }

  #tick(): void {
    const { clock, limits, guard } = this.#options;
    const now = clock.monotonic();
    for (const stream of [...this.#open]) {
      guard.run('stream', stream, () => {
        if (stream.laggingSinceMs !== 0 && now - stream.laggingSinceMs > limits.writeDeadlineMs) {
          stream.end();
        } else stream.ping(now);
      });
    }
  }
}

/** `<epoch>:<sequence>` of the last event that came. */
function startOf(lastEventId: string): SubscribeOptions['start'] {
  if (lastEventId === '') return { from: 'latest' };
  const [, epoch, sequence] = /^([0-9a-z]{1,32}):(\d{1,15})$/.exec(lastEventId) ?? [];
  if (epoch === undefined || sequence === undefined) {
    throw new RequestError('bad_cursor', 'takes <epoch>:<sequence>', 'Last-Event-ID');
  }
  return { from: 'sequence', sequence: Number(sequence) + 1, epoch };
}

class Stream implements Receiver {
  readonly number: number;
  readonly kind = KIND_SSE;
  readonly subscriptions = new Map<string, ReceiverSubscription>();
  links: readonly AcceptorLinkEnd[] = [];
  state: 'opening' | 'open' | 'closed' = 'opening';
  laggingSinceMs = 0;
  readonly #exchange: Exchange;
  readonly #options: StreamsOptions;
  /** full: uWS had to keep some of the last write; until onWritable nothing more is given to it. */
  #socket: 'ready' | 'full' = 'ready';
  #lastWriteMs = 0;

  constructor(exchange: Exchange, number: number, options: StreamsOptions) {
    this.number = number;
    this.#exchange = exchange;
    this.#options = options;
  }

  /** False: nobody is there to stream to. */
  start(): boolean {
    const headers = ['Cache-Control', 'no-store'];
    const isStarted = this.#exchange.startStream('text/event-stream', headers, () => {
      this.#socket = 'ready';
      this.laggingSinceMs = 0;
      this.#options.guard.run('drain', this, () => this.#options.deliveries().drained(this));
    });
    if (!isStarted) return false;
    this.state = 'open';
    this.#write(`: connected\n\nretry: ${RETRY_MS}\n\n`);
    return true;
  }

  get hasRoom(): boolean {
    return this.state === 'open' && this.#socket === 'ready';
  }

  joinGroup(group: Group): void {
    group.streams.add(this);
  }

  leaveGroup(group: Group): void {
    group.streams.delete(this);
  }

  sendPage(frames: Uint8Array, subscription: ReceiverSubscription): number {
    if (this.state !== 'open') return TAKEN;
    if (this.#socket === 'full') return 0;
    let text = '';
    for (const frame of splitFrames(frames)) {
      const data = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('utf8');
      text += `id: ${subscription.epoch}:${sequenceOf(frame)}\nevent: message\n${dataLines(data)}\n`;
    }
    this.#write(text);
    return TAKEN;
  }

  giveMessages(frames: Uint8Array, subscription: ReceiverSubscription): number {
    return this.sendPage(frames, subscription) === TAKEN ? Number.POSITIVE_INFINITY : 0;
  }

  get isGone(): boolean {
    return this.state === 'closed';
  }

  get isEmpty(): boolean {
    return this.#socket === 'ready';
  }

  sendFrame(frame: Record<string, unknown>): void {
    if (this.state !== 'open') return;
    this.#write(`event: ${String(frame['type'])}\n${dataLines(JSON.stringify(frame))}\n`);
  }

  refuse(code: ErrorCode, message: string, ref: Ref): void {
    this.sendFrame(errorFrame(code, message, ref));
  }

  broken(): void {
    this.#exchange.fail(faultOfOurs());
  }

  lagging(): void {
    if (this.laggingSinceMs === 0) this.laggingSinceMs = this.#options.clock.monotonic();
  }

  topicDeleted(): void {
    this.end();
  }

  ping(nowMs: number): void {
    if (this.state === 'open' && nowMs - this.#lastWriteMs >= PING_MS) this.#write(': ping\n\n');
  }

  end(): void {
    if (this.state !== 'open') return;
    this.state = 'closed';
    this.#exchange.endStream();
  }

  #write(text: string): void {
    this.#lastWriteMs = this.#options.clock.monotonic();
    if (!this.#exchange.write(text)) this.#socket = 'full';
  }
}

/** One `data:` line for each line of the text, as the format asks. */
function dataLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('');
}
