/**
 * The way to other nodes through Redis pub/sub, of one worker: keeps a session open, listens to the
 * channels that are wanted, and sends without ever being waited for. That it works, and how soon, is seen by
 * an echo: what is published on a channel of its own comes back. What finds no room, or no Redis, is dropped
 * and counted: whoever misses it reads the log.
 */

import { type BackoffOptions, backoffMs } from '../core/backoff.js';
import type { BackplaneCounts, BackplaneState } from '../core/backplane-figures.js';
import type { Clock } from '../core/clock.js';
import type { RedisUrl } from '../core/redis-url.js';
import type { Outgoing, RedisSession } from './redis-session.js';
import { redisSession } from './redis-sessions.js';

const TICK_MS = 500;
/** Ticks without an echo until Redis is taken for away; not ms, since a node may have been frozen itself. */
const SILENT_TICKS_MAX = 3;
/** And until a session that is being opened is given up. */
const OPENING_TICKS_MAX = 6;
const RETRY: BackoffOptions = { firstMs: 50, capMs: 1_000 };
/** What lived for so long was well. */
const STEADY_MS = 5_000;
/** Channels without listeners that are remembered; beyond that it is found out again. */
const QUIET_MAX = 65_536;
/** How often one of them is tried all the same: who began to listen there may not have been heard. */
const QUIET_MS = 1_000;
/** Ticks since the newest echo that came was sent, until Redis is late; a turn may be longer than one. */
const QUICK_TICKS_MAX = 2;
/** Ticks of an echo that has not come once. */
const NEVER = -1;
/** Channels in one message. */
const GREETED_MAX = 1_000;
/** More than such a message has. */
const GREETING_BYTES_MAX = 128 * 1024;

export interface BackplaneHandlers {
  onMessage: (channel: string, message: Uint8Array) => void;
  /**
   * From now on these are heard too: what was said on them before may have been missed. Null: it was away,
   * and it may be so with all.
   */
  onListening: (channels: readonly string[] | null) => void;
  /** It is up no more. */
  onAway: () => void;
  /** A connection or a command failed; it is tried again. */
  onTrouble: (error: Error) => void;
  /** It is up. */
  onWell: () => void;
}

export interface RedisBackplaneOptions extends BackplaneHandlers {
  url: RedisUrl;
  /** Begins the names of channels. */
  cluster: string;
  /** Names this run of this worker among all. */
  origin: string;
  clock: Pick<Clock, 'monotonic' | 'random'>;
  queueBytesMax: number;
  /** It is up, and not quick any more: see `isQuick`. */
  onLate: () => void;
}

type RedisCounts = Pick<
  BackplaneCounts,
  'published' | 'unheard' | 'unsentAway' | 'unsentFull' | 'errors'
>;
type RedisFigures = RedisCounts & { queueBytes: number; channels: number };

/** What was sent at the end of one turn. */
interface Batch {
  session: RedisSession;
  messages: readonly Outgoing[];
  /** When it was sent. */
  greetingsHeard: number;
}

export class RedisBackplane {
  readonly #options: RedisBackplaneOptions;
  /** Begins the names of the channels on which the echoes come. */
  readonly #echo: string;
  /**
   * One on each server of the session, with the ticks since it came, or since the session is being opened.
   */
  readonly #echoes = new Map<string, number>();
  /** In which tick the newest echo of each was sent that has come. */
  readonly #echoed = new Map<string, number>();
  #tickNo = 0;
  #isQuick = false;
  /** Where whoever begins to listen to channels says so, to all. */
  readonly #greetings: string;
  #state: BackplaneState = 'connecting';
  #session: RedisSession | null = null;
  #ticks: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  /** Since the session is being opened, while there are no echoes. */
  #opening = 0;
  #attempt = 0;
  #upSinceMs = 0;
  /** What is to be heard. */
  readonly #wanted = new Set<string>();
  /** Of what was asked of this session. */
  readonly #asked = new Map<string, 'asked' | 'heard'>();
  /** Wanted, or not any more, since the last look. */
  readonly #changed = new Set<string>();
  #outgoing: Outgoing[] = [];
  #queueBytes = 0;
  /** Nobody else listened there when something was last sent, and when that was, monotonic ms. */
  readonly #quiet = new Map<string, number>();
  #greetingsHeard = 0;
  readonly #counts = { published: 0, unheard: 0, unsentAway: 0, unsentFull: 0, errors: 0 };

  constructor(options: RedisBackplaneOptions) {
    this.#options = options;
    this.#echo = `${options.cluster}:echo:${options.origin}`;
    this.#greetings = `${options.cluster}:greetings`;
  }

  get state(): BackplaneState {
    return this.#state;
  }

  /** Its echo comes back within a second: whoever has another way takes that while it does not. */
  get isQuick(): boolean {
    return this.#isQuick;
  }

  get figures(): RedisFigures {
    return { ...this.#counts, queueBytes: this.#queueBytes, channels: this.#wanted.size };
  }

  /** Connects, however long that takes. */
  start(): void {
    this.#ticks = setInterval(() => this.#tick(), TICK_MS);
    this.#try();
  }

  /** What is to be sent at the end of the turn is sent: the last commits of a worker that ends. */
  stop(): void {
    this.#flush();
    this.#state = 'closed';
    if (this.#ticks !== null) clearInterval(this.#ticks);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#session?.close();
    this.#session = null;
  }

  listen(channel: string): void {
    this.#wanted.add(channel);
    this.#change(channel);
  }

  ignore(channel: string): void {
    this.#wanted.delete(channel);
    this.#change(channel);
  }

  /** Whether nobody else listened there when something was last sent. */
  isQuiet(channel: string): boolean {
    return this.#quiet.has(channel);
  }

  /** What is worth sending there: nothing, which is counted; where the messages are; or the messages. */
  wants(channel: string): 'nothing' | 'place' | 'messages' {
    if (this.#state !== 'up') {
      this.#counts.unsentAway++;
      return 'nothing';
    }
    const quietSinceMs = this.#quiet.get(channel);
    if (quietSinceMs === undefined) return 'messages';
    const now = this.#options.clock.monotonic();
    if (now - quietSinceMs < QUIET_MS) {
      this.#counts.unheard++;
      return 'nothing';
    }
    this.#quiet.set(channel, now);
    return 'place';
  }

  /** At the end of the turn, with all that is sent in it. False: it was dropped, which is counted. */
  send(channel: string, message: Buffer): boolean {
    if (this.#state !== 'up') {
      this.#counts.unsentAway++;
      return false;
    }
    if (this.#queueBytes + message.length > this.#options.queueBytesMax) {
      this.#counts.unsentFull++;
      return false;
    }
    this.#queueBytes += message.length;
    this.#outgoing.push({ channel, message });
    if (this.#outgoing.length === 1) setImmediate(() => this.#flush());
    return true;
  }

  #try(): void {
    const { url, origin } = this.#options;
    const session: RedisSession = redisSession({
      url,
      name: `conduit/${origin}`,
      onMessage: (channel, message) => this.#came(session, channel, message),
      onBroken: (error) => this.#lost(session, error),
    });
    this.#session = session;
    this.#opening = 0;
    this.#echoes.clear();
    this.#echoed.clear();
    this.#begin(session).catch((error: unknown) => this.#lost(session, asError(error)));
  }

  async #begin(session: RedisSession): Promise<void> {
    await session.open();
    if (session !== this.#session) return;
    const channels = [...this.#wanted];
    this.#changed.clear();
    this.#asked.clear();
    for (const channel of channels) this.#asked.set(channel, 'asked');
    for (const echo of session.onEach(this.#echo)) this.#echoes.set(echo, NEVER);
    await session.subscribe([...this.#echoes.keys(), this.#greetings, ...channels]);
    for (const channel of channels) this.#asked.set(channel, 'heard');
    await this.#greet(session, channels);
    await this.#sendEcho(session);
  }

  #came(session: RedisSession, channel: string, message: Buffer): void {
    if (session !== this.#session) return;
    if (channel === this.#greetings) this.#greeted(message);
    else if (this.#echoes.has(channel)) this.#echoCame(channel, message);
    else this.#options.onMessage(channel, message);
  }

  #greeted(message: Buffer): void {
    if (message.length > GREETING_BYTES_MAX) return;
    this.#greetingsHeard++;
    for (const channel of message.toString('latin1').split('\n')) this.#quiet.delete(channel);
  }

  #echoCame(channel: string, message: Buffer): void {
    this.#echoes.set(channel, 0);
    this.#echoed.set(channel, Number(message.toString('latin1')));
    // Of the same tick: one that is slower may be late again by the next.
    if (this.#echoAge() === 0) this.#isQuick = true;
    if (this.#state === 'up' || [...this.#echoes.values()].includes(NEVER)) return;
    this.#state = 'up';
    this.#upSinceMs = this.#options.clock.monotonic();
    this.#options.onWell();
    this.#sync();
    this.#options.onListening(null);
  }

  #lost(session: RedisSession, error: Error): void {
    if (session !== this.#session) return;
    session.close();
    this.#session = null;
    this.#outgoing = [];
    this.#queueBytes = 0;
    this.#quiet.clear();
    this.#fail(error);
    const { clock, onAway } = this.#options;
    if (this.#state === 'up') {
      this.#state = 'away';
      this.#isQuick = false;
      if (clock.monotonic() - this.#upSinceMs >= STEADY_MS) this.#attempt = 0;
      onAway();
    }
    const attempt = this.#attempt++;
    const delayMs = attempt === 0 ? 0 : backoffMs(attempt, RETRY, () => clock.random());
    this.#retry = setTimeout(() => this.#try(), delayMs);
  }

  #tick(): void {
    const session = this.#session;
    this.#tickNo++;
    if (session === null) return;
    const isUp = this.#state === 'up';
    const silent = isUp ? this.#silentTicks() : ++this.#opening;
    if (silent > (isUp ? SILENT_TICKS_MAX : OPENING_TICKS_MAX)) {
      this.#lost(session, new Error(`no answer for ${(silent * TICK_MS) / 1_000} s`));
    } else if (isUp) {
      this.#pace();
      this.#sendEcho(session).catch((error: unknown) => this.#lost(session, asError(error)));
    }
  }

  /** Of the server that has been silent for longest, after one more. */
  #silentTicks(): number {
    for (const [echo, ticks] of this.#echoes) this.#echoes.set(echo, ticks + 1);
    return Math.max(...this.#echoes.values());
  }

  #pace(): void {
    if (!this.#isQuick || this.#echoAge() <= QUICK_TICKS_MAX) return;
    this.#isQuick = false;
    this.#options.onLate();
  }

  /** Ticks since the newest that has come was sent, on the server where that is longest ago. */
  #echoAge(): number {
    const sent = [...this.#echoes.keys()].map((echo) => this.#echoed.get(echo) ?? NEVER);
    return this.#tickNo - Math.min(...sent);
  }

  #sendEcho(session: RedisSession): Promise<void> {
    const message = Buffer.from(String(this.#tickNo));
    const echoes = [...this.#echoes.keys()];
    return sendAll(
      session,
      echoes.map((channel) => ({ channel, message })),
    );
  }

  /** Whoever has not sent there, since nobody listened, does from now on. */
  async #greet(session: RedisSession, channels: readonly string[]): Promise<void> {
    for (let from = 0; from < channels.length; from += GREETED_MAX) {
      const message = Buffer.from(channels.slice(from, from + GREETED_MAX).join('\n'));
      await sendAll(session, [{ channel: this.#greetings, message }]);
    }
  }

  #change(channel: string): void {
    if (this.#changed.size === 0) setImmediate(() => this.#sync());
    this.#changed.add(channel);
  }

  /** Tells the session what has changed; without one that is up the next one is told all. */
  #sync(): void {
    const session = this.#session;
    if (session === null || this.#state !== 'up' || this.#changed.size === 0) return;
    const changed = [...this.#changed];
    this.#changed.clear();
    const more = changed.filter((one) => this.#wanted.has(one) && !this.#asked.has(one));
    const less = changed.filter((one) => !this.#wanted.has(one) && this.#asked.has(one));
    for (const channel of more) this.#asked.set(channel, 'asked');
    for (const channel of less) this.#asked.delete(channel);
    const failed = (error: unknown): void => this.#lost(session, asError(error));
    if (less.length > 0) session.unsubscribe(less).catch(failed);
    if (more.length > 0) this.#listenTo(session, more).catch(failed);
  }

  async #listenTo(session: RedisSession, channels: readonly string[]): Promise<void> {
    await session.subscribe(channels);
    if (session !== this.#session) return;
    for (const channel of channels) {
      if (this.#asked.has(channel)) this.#asked.set(channel, 'heard');
    }
    await this.#greet(session, channels);
    this.#options.onListening(channels);
  }

  #flush(): void {
    const messages = this.#outgoing;
    const session = this.#session;
    this.#outgoing = [];
    if (session === null || messages.length === 0) return;
    const batch = { session, messages, greetingsHeard: this.#greetingsHeard };
    session.publish(messages).then(
      (answers) => this.#published(batch, answers),
      (error: unknown) => this.#lost(session, asError(error)),
    );
  }

  #published(batch: Batch, answers: readonly (number | Error)[]): void {
    if (batch.session !== this.#session) return;
    // Who came meanwhile may not be counted in the answers.
    const isKnown = batch.greetingsHeard === this.#greetingsHeard;
    batch.messages.forEach(({ channel, message }, n) => {
      const answer = answers[n];
      this.#queueBytes -= message.length;
      if (typeof answer !== 'number') return;
      this.#counts.published++;
      if (isKnown) this.#learn(channel, answer);
    });
    const refused = answers.find((answer) => answer instanceof Error);
    if (refused !== undefined) this.#fail(refused);
  }

  /** `receivers`: this session among them where it listens itself. */
  #learn(channel: string, receivers: number): void {
    const others = receivers - (this.#asked.get(channel) === 'heard' ? 1 : 0);
    if (others > 0) {
      this.#quiet.delete(channel);
      return;
    }
    if (this.#quiet.size >= QUIET_MAX) this.#quiet.clear();
    this.#quiet.set(channel, this.#options.clock.monotonic());
  }

  #fail(error: Error): void {
    this.#counts.errors++;
    this.#options.onTrouble(error);
  }
}

async function sendAll(session: RedisSession, batch: readonly Outgoing[]): Promise<void> {
  const answers = await session.publish(batch);
  for (const answer of answers) if (answer instanceof Error) throw answer;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
