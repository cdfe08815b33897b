/**
 * All WebSocket sessions of this acceptor: upgrade, open, close, drain, the deadlines. What a frame asks
 * for is in session-frames.ts.
 */

import type { TemplatedApp, WebSocket } from 'uWebSockets.js';
import type { Config } from '../../config/config.js';
import type { Clock } from '../../core/clock.js';
import { CLOSE, type CloseReason, type ErrorCode, RequestError } from '../../core/errors.js';
import type { Happened } from '../../core/happening.js';
import { WS_MESSAGE_TIMES_MAX } from '../../core/limits.js';
import type { Principal } from '../../core/principal.js';
import type { SharedCount } from '../../core/shared-count.js';
import type { QuotaLedger } from '../../tenant/quota-ledger.js';
import type { Deliveries } from '../delivery/deliveries.js';
import type { Receiver, ReceiverEnd } from '../delivery/receiver.js';
import type { ExchangeParts } from '../http/exchange.js';
import type { Gate } from '../http/gate.js';
import type { Guard } from '../http/guard.js';
import type { Proxies } from '../http/proxies.js';
import type { SocketEnd } from '../http/traffic.js';
import { Rounds } from './rounds.js';
import { type MessageType, Session, type SessionKeeper, type SocketData } from './session.js';
import { laterSubjectOf, subjectOf } from './session-subject.js';
import { TokenEnds } from './token-ends.js';
import { Upgrades } from './upgrades.js';

/** What uWS says when the connection ended without a close frame (RFC 6455, 7.1.5). */
const CLOSED_ABRUPTLY = 1006;
const SWEEP_MS = 500;
/** A session that is being closed has this long to take its last frames; they are few. */
const LEAVE_MS = 5_000;
/** Who sends nothing whole is found this much later at most, as a share of IDLE_TIMEOUT_S. */
const IDLE_ROUND = 1 / 8;
/** uWS' own idle time-out is for what has no session; ours comes first, and tells why. */
const IDLE_MORE_S = 8;
const IDLE_MAX_S = 960;
/** Jitter of retry_after_ms when all sessions are sent away at once. */
const DRAIN_RETRY_MS = 5_000;
const FULL = 'SESSIONS_MAX is reached';

export interface SessionsOptions {
  config: Config;
  clock: Clock;
  guard: Guard;
  gate: Gate;
  proxies: Proxies;
  quotas: Pick<QuotaLedger, 'of'>;
  parts: ExchangeParts;
  /** Of the whole node, SSE streams included. */
  count: SharedCount;
  onMessage: (session: Session, message: ArrayBuffer, type: MessageType) => void;
  onEnded: (session: Session, end: ReceiverEnd) => void;
  /** For whoever looks at the node. */
  happened: Happened;
}

/** Who is told what sockets take. */
type SocketReports = Pick<Deliveries, 'refused' | 'drained'>;

export class Sessions implements SessionKeeper {
  readonly sendBufferBytesMax: number;
  nowMs: number;
  readonly #options: SessionsOptions;
  /** Sessions and SSE streams by number. */
  readonly #receivers = new Map<number, Receiver>();
  readonly #open = new Set<Session>();
  readonly #pending = new Set<Session>();
  readonly #lagging = new Set<Session>();
  /** With the time at which they are closed without a word. */
  readonly #leaving = new Map<Session, number>();
  #deliveries: SocketReports | null = null;
  #lastNumber = 0;
  #state: 'open' | 'draining' = 'open';
  readonly #ends: TokenEnds;
  readonly #upgrades: Upgrades;
  readonly #sweeper: NodeJS.Timeout;
  readonly #toPing: Rounds<Session>;
  readonly #toHear: Rounds<Session>;
  #flushScheduled = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
    const { pingIntervalS, idleTimeoutS, sendBufferBytesMax } = options.config.limits;
    this.sendBufferBytesMax = sendBufferBytesMax;
    this.nowMs = options.clock.monotonic();
    this.#ends = new TokenEnds(options.guard);
    const { gate, proxies, parts } = options;
    const refusal = (principal: Principal): RequestError | null => this.#refusal(principal);
    this.#upgrades = new Upgrades({ gate, proxies, parts, refusal });
    this.#toPing = new Rounds(this.#open, pingIntervalS * 1_000);
    this.#toHear = new Rounds(this.#open, idleTimeoutS * 1_000 * IDLE_ROUND);
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** Set once, before the first connection. */
  set deliveries(deliveries: SocketReports) {
    this.#deliveries = deliveries;
  }

  /** Throws RequestError session_limit, quota_exceeded when the node or the tenant has as many as it may. */
  checkRoom({ tenant }: Principal): void {
    if (this.#isFull) throw new RequestError('session_limit', FULL);
    this.#options.quotas.of(tenant)?.checkRoom('sessions');
  }

  get #isFull(): boolean {
    const { count, config } = this.#options;
    return count.total + this.#leaving.size >= config.limits.sessionsMax;
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
    receiver.principal.gained();
    this.#ends.watch(receiver);
    this.#options.parts.traffic.opened++;
    this.#options.count.add(1);
    this.#options.quotas.of(receiver.principal.tenant)?.opened('sessions');
    this.#happened('session.opened', receiver);
  }

  remove(receiver: Receiver, end: SocketEnd): void {
    if (!this.#receivers.delete(receiver.number)) return;
    this.#options.parts.traffic.closed[end]++;
    receiver.principal.lost();
    this.#ends.forget(receiver);
    this.#options.count.giveBack();
    this.#options.quotas.of(receiver.principal.tenant)?.closed('sessions');
    this.#happened('session.closed', receiver);
  }

  #happened(kind: 'session.opened' | 'session.closed', { principal, client }: Receiver): void {
    this.#options.happened({ kind, tenant: principal.tenant, name: client?.name ?? null });
  }

  /** It goes on with another token. */
  renew(session: Session, principal: Principal): void {
    session.principal.lost();
    session.principal = principal;
    principal.gained();
    this.#ends.watch(session);
  }

  mount(app: TemplatedApp): void {
    const { guard, config } = this.#options;
    const { limits } = config;
    type Socket = WebSocket<SocketData>;
    app.ws<SocketData>('/ws', {
      compression: 0,
      maxPayloadLength: limits.wsMessageBytesMax * WS_MESSAGE_TIMES_MAX,
      maxBackpressure: this.sendBufferBytesMax,
      idleTimeout: Math.min(IDLE_MAX_S, limits.idleTimeoutS + IDLE_MORE_S),
      sendPingsAutomatically: false,
      upgrade: (res, req, context) =>
        guard.http('upgrade', () => this.#upgrades.take(res, req, context))(res, req),
      open: guard.ws('open', subjectOf, (ws: Socket) => this.#opened(ws)),
      message: guard.ws(
        'message',
        subjectOf,
        (ws: Socket, message: ArrayBuffer, isBinary: boolean) =>
          this.#heard(ws.getUserData().session, message, isBinary ? 'binary' : 'text'),
      ),
      ping: guard.ws('ping', subjectOf, (ws: Socket) => this.#alive(ws)),
      pong: guard.ws('pong', subjectOf, (ws: Socket) => this.#alive(ws)),
      dropped: guard.ws('dropped', laterSubjectOf, (ws: Socket, message: ArrayBuffer) => {
        const { session } = ws.getUserData();
        if (session === null) return;
        this.#deliveries?.refused(session, new Uint8Array(message));
        session.lagging();
      }),
      drain: guard.ws('drain', subjectOf, (ws: Socket) => {
        const { session } = ws.getUserData();
        if (session !== null) this.#drained(session);
      }),
      close: guard.ws('close', subjectOf, (ws: Socket, code: number) => {
        const { session } = ws.getUserData();
        if (session !== null) this.#closed(session, code);
      }),
    });
  }

  /** Sends what waits at all sessions; at the end of each turn. */
  flush(): void {
    for (const session of this.#pending) {
      // What waits for a full socket goes on waiting for its drain.
      this.#pending.delete(session);
      try {
        session.flush();
      } catch (error) {
        this.#options.guard.broken('flush', session, error);
      }
    }
  }

  /** Ends whatever came with the API key, or the login, of this id. */
  keyOver(id: string): void {
    for (const receiver of [...this.#receivers.values()]) {
      const { keyId, loginId } = receiver.principal;
      if (keyId !== id && loginId !== id) continue;
      this.dismiss(receiver, CLOSE.keyOver);
    }
  }

  /** It is told, and ends. */
  dismiss(receiver: Receiver, why: CloseReason): void {
    this.#options.guard.run('dismissal', receiver, () => receiver.dismiss(why));
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

  #refusal(principal: Principal): RequestError | null {
    if (this.#state === 'draining') {
      return new RequestError('draining', 'this node is shutting down');
    }
    if (this.#isFull) return new RequestError('session_limit', FULL);
    return this.#options.quotas.of(principal.tenant)?.refusal('sessions') ?? null;
  }

  #opened(ws: WebSocket<SocketData>): void {
    const data = ws.getUserData();
    const [number, connectedAtMs] = [this.nextNumber(), this.#options.clock.now()];
    const session = new Session({ number, data, connectedAtMs, ws, keeper: this });
    session.heardAtMs = this.nowMs;
    data.session = session;
    this.#open.add(session);
    this.add(session);
  }

  #heard(session: Session | null, message: ArrayBuffer, type: MessageType): void {
    if (session?.state !== 'open') return;
    session.heardAtMs = this.nowMs;
    if (message.byteLength <= this.#options.config.limits.wsMessageBytesMax) {
      this.#options.onMessage(session, message, type);
    } else session.end(CLOSE.tooLarge);
  }

  /** A ping or a pong came: they have their place between two frames, and bring nothing else about. */
  #alive(ws: WebSocket<SocketData>): void {
    const { session } = ws.getUserData();
    if (session === null) return;
    session.heardAtMs = this.nowMs;
    session.countIdle();
  }

  ending(session: Session): void {
    this.#leaving.set(session, this.#options.clock.monotonic() + LEAVE_MS);
    this.#ended(session, 'clean');
  }

  #closed(session: Session, code: number): void {
    const { state } = session;
    const end = code === CLOSED_ABRUPTLY ? 'abrupt' : 'clean';
    this.#open.delete(session);
    this.#leaving.delete(session);
    const leaves = state === 'open' && end === 'clean' && session.inbox !== null;
    session.state = leaves ? 'left' : 'closed';
    if (leaves) this.#lagging.delete(session);
    else if (state === 'open') this.#ended(session, end);
  }

  hasLeft(session: Session): void {
    this.#ended(session, 'clean');
  }

  /** Once for each session: what it has here, and what the workers have of it, ends. */
  #ended(session: Session, end: ReceiverEnd): void {
    this.#pending.delete(session);
    this.#lagging.delete(session);
    this.remove(session, session.endedHow(end));
    const { guard, onEnded } = this.#options;
    guard.run('end of a session', session, () => onEnded(session, end));
  }

  #drained(session: Session): void {
    session.heardAtMs = this.nowMs;
    // It took something: the deadline is for one that takes nothing.
    if (session.laggingSinceMs !== 0) session.laggingSinceMs = this.#options.clock.monotonic();
    session.leave();
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

  refused(code: ErrorCode): void {
    this.#options.parts.traffic.refused(code);
  }

  lags(session: Session): void {
    if (session.laggingSinceMs !== 0) return;
    session.laggingSinceMs = this.#options.clock.monotonic();
    this.#lagging.add(session);
  }

  /** Pings some of the sessions, ends those that were silent for too long or take nothing. */
  #sweep(): void {
    const { clock, guard } = this.#options;
    const elapsedMs = clock.monotonic() - this.nowMs;
    this.nowMs += elapsedMs;
    this.#ends.sweep(this.nowMs);
    for (const session of this.#toPing.turns(elapsedMs)) {
      guard.run('ping', session, () => session.ping());
    }
    for (const session of this.#toHear.turns(elapsedMs)) {
      guard.run('idle', session, () => this.#checkHeard(session));
    }
    for (const session of [...this.#lagging]) {
      guard.run('write deadline', session, () => this.#checkLag(session));
    }
    for (const [session, untilMs] of [...this.#leaving]) {
      if (this.nowMs >= untilMs) this.#terminate(session);
    }
  }

  /** A message that trickles in is not heard of until it is whole, and nothing else is meanwhile. */
  #checkHeard(session: Session): void {
    const { idleTimeoutS } = this.#options.config.limits;
    if (this.nowMs - session.heardAtMs >= idleTimeoutS * 1_000) session.end(CLOSE.idle);
  }

  #checkLag(session: Session): void {
    const { writeDeadlineMs } = this.#options.config.limits;
    if (session.hasRoom) this.#drained(session);
    else if (this.nowMs - session.laggingSinceMs >= writeDeadlineMs) session.end(CLOSE.slow);
  }

  /** Whatever uWS says to it, the session is gone. */
  #terminate(session: Session): void {
    const gone = { broken: () => this.#closed(session, CLOSED_ABRUPTLY) };
    this.#options.guard.run('terminate', gone, () => session.terminate());
  }
}
