/**
 * All WebSocket sessions of this acceptor: upgrade, open, close, drain, the write deadline. What a frame
 * asks for is in session-frames.ts.
 */
import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_socket_context_t,
  WebSocket,
} from 'uWebSockets.js';
import type { Config } from '../config/config.js';
import type { Clock } from '../core/clock.js';
import { CLOSE, RequestError } from '../core/errors.js';
import type { Callers } from './callers.js';
import type { Deliveries } from './deliveries.js';
import { Exchange } from './exchange.js';
import type { Guard } from './guard.js';
import { KIND_JSON, KIND_MSGPACK, KIND_SEED, type Kind, type Receiver } from './receiver.js';
import { Session, type SessionKeeper, type SocketData } from './session.js';

const SUBPROTOCOLS: Readonly<Record<string, Kind>> = {
  'conduit.json.v1': KIND_JSON,
  'conduit.msgpack.v1': KIND_MSGPACK,
};
/** A browser passes its token as a subprotocol; keys are not in this version, so it is not looked at. */
const TOKEN_PREFIX = 'conduit.token.';
/** What uWS says when the connection ended without a close frame (RFC 6455, 7.1.5). */
const CLOSED_ABRUPTLY = 1006;
const SWEEP_MS = 500;
/** Jitter of retry_after_ms when all sessions are sent away at once. */
const DRAIN_RETRY_MS = 5_000;
const HEADER_BYTES_MAX = 4_096;

export interface SessionsOptions {
  config: Config;
  clock: Clock;
  guard: Guard;
  callers: Callers;
  onMessage: (session: Session, message: ArrayBuffer, isBinary: boolean) => void;
  /** `abrupt`: without a close frame. */
  onEnded: (session: Session, abrupt: boolean) => void;
}

export class Sessions implements SessionKeeper {
  readonly sendBufferBytesMax: number;
  readonly #options: SessionsOptions;
  /** Sessions and SSE streams by number. */
  readonly #receivers = new Map<number, Receiver>();
  readonly #open = new Set<Session>();
  readonly #pending = new Set<Session>();
  readonly #lagging = new Set<Session>();
  #deliveries: Deliveries | null = null;
  #lastNumber = 0;
  #state: 'open' | 'draining' = 'open';
  readonly #sweeper: NodeJS.Timeout;
  /** Goes round the open sessions. */
  #toPing: Iterator<Session> = this.#open.values();
  #flushScheduled = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.sendBufferBytesMax = options.config.limits.sendBufferBytesMax;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** Set once, before the first connection. */
  set deliveries(deliveries: Deliveries) {
    this.#deliveries = deliveries;
  }

  get size(): number {
    return this.#open.size;
  }

  receiver(number: number): Receiver | undefined {
    return this.#receivers.get(number);
  }

  receivers(): IterableIterator<Receiver> {
    return this.#receivers.values();
  }

  /** Numbers are not used again while the thread runs, save after 2^32 of them. */
  nextNumber(): number {
    this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    return this.#receivers.has(this.#lastNumber) ? this.nextNumber() : this.#lastNumber;
  }

  add(receiver: Receiver): void {
    this.#receivers.set(receiver.number, receiver);
  }

  remove(receiver: Receiver): void {
    this.#receivers.delete(receiver.number);
  }

  mount(app: TemplatedApp): void {
    const { guard, config, onMessage } = this.#options;
    const { limits } = config;
    app.ws<SocketData>('/ws', {
      compression: 0,
      maxPayloadLength: limits.wsMessageBytesMax,
      maxBackpressure: this.sendBufferBytesMax,
      idleTimeout: limits.idleTimeoutS,
      sendPingsAutomatically: false,
      upgrade: (res, req, context) =>
        guard.http('upgrade', () => this.#upgrade(res, req, context))(res, req),
      open: guard.ws('open', (ws: WebSocket<SocketData>) => this.#opened(ws)),
      message: guard.ws(
        'message',
        (ws: WebSocket<SocketData>, message: ArrayBuffer, isBinary: boolean) => {
          const { session } = ws.getUserData();
          if (session !== null && session.state === 'open') onMessage(session, message, isBinary);
        },
      ),
      dropped: guard.ws('dropped', (ws: WebSocket<SocketData>, message: ArrayBuffer) => {
        const { session } = ws.getUserData();
        if (session !== null) this.#deliveries?.refused(session, new Uint8Array(message));
      }),
      drain: guard.ws('drain', (ws: WebSocket<SocketData>) => {
        const { session } = ws.getUserData();
        if (session !== null) this.#drained(session);
      }),
      close: guard.ws('close', (ws: WebSocket<SocketData>, code: number) => {
        const { session } = ws.getUserData();
        if (session !== null) this.#closed(session, code);
      }),
    });
  }

  /** Sends what waits at all sessions; at the end of each turn. */
  flush(): void {
    for (const session of this.#pending) session.flush();
    this.#pending.clear();
  }

  /** Tells every session to come back elsewhere; new ones are refused. */
  drain(): void {
    this.#state = 'draining';
    const { clock } = this.#options;
    for (const session of [...this.#open]) {
      session.end(CLOSE.drain, Math.round(clock.random() * DRAIN_RETRY_MS));
    }
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  #upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    const { callers } = this.#options;
    const exchange = new Exchange(res, req, callers);
    const stranger = callers.refusal(req, exchange.origin, 'page');
    if (stranger !== null) {
      exchange.failAndClose(stranger);
      return;
    }
    const refusal = this.#refusal(req);
    if (refusal !== null) {
      exchange.failWith(refusal);
      return;
    }
    const protocol = chooseProtocol(req.getHeader('sec-websocket-protocol'));
    if (protocol === null) {
      const detail = `subprotocols: ${Object.keys(SUBPROTOCOLS).join(', ')}, or none`;
      exchange.fail(new RequestError('bad_upgrade', detail, 'Sec-WebSocket-Protocol'));
      return;
    }
    const data: SocketData = { session: null, kind: SUBPROTOCOLS[protocol] ?? KIND_SEED };
    res.cork(() => res.upgrade(data, req.getHeader('sec-websocket-key'), protocol, '', context));
  }

  #refusal(req: HttpRequest): Parameters<Exchange['failWith']>[0] | null {
    const { config } = this.#options;
    if (this.#state === 'draining') {
      return { code: 'draining', detail: 'this node is shutting down', field: null };
    }
    const perAcceptor = Math.ceil(config.limits.sessionsMax / config.acceptors);
    if (this.#open.size >= perAcceptor) {
      return { code: 'session_limit', detail: 'SESSIONS_MAX is reached', field: null };
    }
    if (req.getHeader('sec-websocket-version') !== '13') {
      return { code: 'bad_upgrade', detail: 'must be 13', field: 'Sec-WebSocket-Version' };
    }
    if (!/^[A-Za-z0-9+/]{22}==$/.test(req.getHeader('sec-websocket-key'))) {
      return {
        code: 'bad_upgrade',
        detail: 'must be 16 bytes in base64',
        field: 'Sec-WebSocket-Key',
      };
    }
    return null;
  }

  #opened(ws: WebSocket<SocketData>): void {
    const data = ws.getUserData();
    const session = new Session(this.nextNumber(), data.kind, ws, this);
    data.session = session;
    this.#open.add(session);
    this.add(session);
  }

  #closed(session: Session, code: number): void {
    const abrupt = session.state === 'open' && code === CLOSED_ABRUPTLY;
    session.state = 'closed';
    this.#open.delete(session);
    this.#pending.delete(session);
    this.#lagging.delete(session);
    this.remove(session);
    this.#options.onEnded(session, abrupt);
  }

  #drained(session: Session): void {
    session.flush();
    if (!session.hasRoom) return;
    session.laggingSinceMs = 0;
    this.#lagging.delete(session);
    this.#deliveries?.drained(session);
  }

  frameWaits(session: Session): void {
    this.#pending.add(session);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }

  lags(session: Session): void {
    if (session.laggingSinceMs !== 0) return;
    session.laggingSinceMs = this.#options.clock.monotonic();
    this.#lagging.add(session);
  }

  /**
   * Pings a share of the sessions, so that all are pinged once in pingIntervalS and never all at once.
   * The answer, as anything that comes, starts the idle time-out anew.
   */
  #pingSome(): void {
    const { pingIntervalS } = this.#options.config.limits;
    let count = Math.ceil((this.#open.size * SWEEP_MS) / (pingIntervalS * 1_000));
    for (; count > 0; count--) {
      const next = this.#toPing.next();
      if (next.done === true) {
        this.#toPing = this.#open.values();
        return;
      }
      next.value.ping();
    }
  }

  /** Closes who has taken nothing for longer than the write deadline. */
  #sweep(): void {
    this.#pingSome();
    const { clock, config } = this.#options;
    const { writeDeadlineMs } = config.limits;
    for (const session of [...this.#lagging]) {
      if (session.hasRoom) {
        this.#drained(session);
        continue;
      }
      const laggedMs = clock.monotonic() - session.laggingSinceMs;
      if (laggedMs < writeDeadlineMs) continue;
      if (session.state === 'open') session.end(CLOSE.slow);
      else if (laggedMs > writeDeadlineMs + SWEEP_MS * 4) session.terminate();
    }
  }
}

/** '' for the seed's frames; null when only unknown subprotocols were offered. */
function chooseProtocol(header: string): string | null {
  if (header === '') return '';
  if (header.length > HEADER_BYTES_MAX) return null;
  const offered = header.split(',').map((name) => name.trim());
  const known = offered.find((name) => Object.hasOwn(SUBPROTOCOLS, name));
  if (known !== undefined) return known;
  return offered.every((name) => name.startsWith(TOKEN_PREFIX)) ? '' : null;
}
