/**
 * What one worker forwards to one other node: what is sent in a turn goes in one request, one is under way at
 * a time, and what comes meanwhile waits for the next. What finds no room, and what a request that fails
 * had with it, is dropped and counted: whoever misses it reads the log.
 */
import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { type BackoffOptions, backoffMs } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import type { Peer } from '../core/peer.js';
import type { PemFiles } from '../thread/control.js';
import {
  FORWARD_PATH,
  FORWARDED_MAX,
  type ForwardSender,
  GATHERED_BYTES_MAX,
  packForward,
  SECRET_HEADER,
} from './forward-body.js';
import type { Outgoing } from './redis-session.js';

/** An answer that comes later is worth nothing: the log was read meanwhile. */
const ANSWER_MS = 2_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const RETRY: BackoffOptions = { firstMs: 100, capMs: 1_000 };
/** How often a channel without listeners there is tried all the same. */
const QUIET_MS = 1_000;
/** That are remembered; beyond that it is found out again. */
const QUIET_MAX = 65_536;

export interface ForwardPeerOptions {
  peer: Peer;
  /** This node. */
  sender: ForwardSender;
  secret: string;
  tls: PemFiles | null;
  clock: Pick<Clock, 'monotonic' | 'random'>;
  queueBytesMax: number;
  /** It took so many. */
  onTaken: (messages: number) => void;
  /** They were dropped. */
  onDropped: (messages: number) => void;
  onTrouble: (peer: Peer, error: Error) => void;
  onWell: (peer: Peer) => void;
}

export class ForwardPeer {
  readonly #options: ForwardPeerOptions;
  readonly #url: URL;
  readonly #agent: HttpAgent;
  #state: 'idle' | 'sending' | 'pausing' | 'closing' = 'idle';
  #pause: NodeJS.Timeout | null = null;
  #attempt = 0;
  #queue: Outgoing[] = [];
  #queueBytes = 0;
  /** Nobody listened there when something was last sent, and when that was, monotonic ms. */
  readonly #quiet = new Map<string, number>();

  /** `url`: at which it takes what is forwarded. */
  constructor(url: string, options: ForwardPeerOptions) {
    this.#options = options;
    this.#url = new URL(FORWARD_PATH, url);
    const kept = { keepAlive: true, maxSockets: 1 };
    const isTls = this.#url.protocol === 'https:';
    this.#agent = isTls ? new https.Agent({ ...kept, ...options.tls }) : new http.Agent(kept);
  }

  get queueBytes(): number {
    return this.#queueBytes;
  }

  /** What is worth sending there now. */
  wants(channel: string): 'nothing' | 'place' | 'messages' {
    const quietSinceMs = this.#quiet.get(channel);
    if (quietSinceMs === undefined) return 'messages';
    return this.#options.clock.monotonic() - quietSinceMs < QUIET_MS ? 'nothing' : 'place';
  }

  /** Somebody began to listen there; null: anybody may have, anywhere. */
  heard(channel: string | null): void {
    if (channel === null) this.#quiet.clear();
    else this.#quiet.delete(channel);
  }

  /** False: it was dropped, which is counted. */
  send(channel: string, message: Buffer): boolean {
    const isRoom = this.#queueBytes + message.length <= this.#options.queueBytesMax;
    if (!isRoom || this.#state === 'pausing' || this.#state === 'closing') {
      this.#options.onDropped(1);
      return false;
    }
    // Once a second where nobody listens, as far as is known.
    if (this.#quiet.has(channel)) this.#quiet.set(channel, this.#options.clock.monotonic());
    this.#queue.push({ channel, message });
    this.#queueBytes += message.length;
    if (this.#queue.length === 1 && this.#state === 'idle') setImmediate(() => this.#flush());
    return true;
  }

  /** What waits goes out; then its connection closes. */
  close(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    const before = this.#state;
    this.#state = 'closing';
    if (before !== 'sending') this.#last();
  }

  #last(): void {
    const batch = this.#take();
    if (batch.length === 0) this.#agent.destroy();
    else this.#post(batch, 'first', () => this.#last());
  }

  #flush(): void {
    if (this.#state !== 'idle' || this.#queue.length === 0) return;
    this.#state = 'sending';
    this.#post(this.#take(), 'first', () => this.#sent());
  }

  #sent(): void {
    if (this.#state === 'closing') this.#last();
    else if (this.#state === 'sending') {
      this.#state = 'idle';
      this.#flush();
    }
  }

  #take(): Outgoing[] {
    let to = 0;
    let bytes = 0;
    while (to < this.#queue.length && to < FORWARDED_MAX && bytes < GATHERED_BYTES_MAX) {
      const length = this.#queue[to]?.message.length ?? 0;
      if (to > 0 && bytes + length > GATHERED_BYTES_MAX) break;
      bytes += length;
      to++;
    }
    return this.#queue.splice(0, to);
  }

  /** `done`: it was answered, or has failed, which is said here. */
  #post(batch: readonly Outgoing[], turn: 'first' | 'again', done: () => void): void {
    const { sender, secret } = this.#options;
    const body = packForward({ ...sender, messages: batch });
    const request = this.#request({
      'content-type': 'application/octet-stream',
      'content-length': body.length,
      [SECRET_HEADER]: secret,
    });
    let isOver = false;
    const end = (error: Error | null, answer = ''): void => {
      if (isOver) return;
      isOver = true;
      // A connection that was kept may end as it is used: nothing of it was read then.
      if (error !== null && turn === 'first' && request.reusedSocket && isCut(error)) {
        this.#post(batch, 'again', done);
        return;
      }
      for (const { message } of batch) this.#queueBytes -= message.length;
      if (error === null) this.#took(batch, answer);
      else this.#failed(batch, error);
      done();
    };
    request.once('timeout', () => request.destroy(new Error(`no answer for ${ANSWER_MS} ms`)));
    request.once('error', (error) => end(error));
    request.once('response', (response) => readAnswer(response, end));
    request.end(body);
  }

  #request(headers: Record<string, string | number>): ClientRequest {
    const options = { method: 'POST', agent: this.#agent, timeout: ANSWER_MS, headers };
    if (this.#url.protocol === 'https:') return https.request(this.#url, options);
    return http.request(this.#url, options);
  }

  #took(batch: readonly Outgoing[], answer: string): void {
    const { peer, onTaken, onWell, clock } = this.#options;
    const now = clock.monotonic();
    const unheard = new Set(unheardIn(answer));
    batch.forEach(({ channel }, n) => {
      if (!unheard.has(n)) this.#quiet.delete(channel);
      else {
        if (this.#quiet.size >= QUIET_MAX) this.#quiet.clear();
        this.#quiet.set(channel, now);
      }
    });
    if (this.#attempt > 0) onWell(peer);
    this.#attempt = 0;
    onTaken(batch.length);
  }

  #failed(batch: readonly Outgoing[], error: Error): void {
    const { peer, clock, onDropped, onTrouble } = this.#options;
    onDropped(batch.length + this.#queue.length);
    this.#queue = [];
    this.#queueBytes = 0;
    this.#quiet.clear();
    if (this.#state === 'closing') return;
    onTrouble(peer, error);
    this.#state = 'pausing';
    const delayMs = backoffMs(++this.#attempt, RETRY, () => clock.random());
    this.#pause = setTimeout(() => {
      if (this.#state === 'pausing') this.#state = 'idle';
    }, delayMs).unref();
  }
}

function isCut(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** A redirect is none: nobody is sent elsewhere with the secret. */
function readAnswer(
  response: IncomingMessage,
  end: (error: Error | null, answer?: string) => void,
): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  response.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error('its answer is too long'));
    else parts.push(part);
  });
  response.once('error', (error) => end(error));
  response.once('close', () => end(new Error('its answer broke off')));
  response.once('end', () => {
    const text = Buffer.concat(parts).toString('utf8');
    if (response.statusCode === 200) end(null, text);
    else end(new Error(`it answered ${response.statusCode}${codeIn(text)}`));
  });
}

/** Places in the request of those whose channel nobody listens to. */
function unheardIn(answer: string): number[] {
  const { unheard } = (parsed(answer) ?? {}) as { unheard?: unknown };
  return Array.isArray(unheard) ? unheard.filter((n) => Number.isSafeInteger(n)) : [];
}

function codeIn(answer: string): string {
  const { code } = (parsed(answer) ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? `, ${code}` : '';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
