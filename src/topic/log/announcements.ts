/**
 * What is told to other nodes of the commits here, and what they tell of theirs. Each topic has a channel;
 * those of topics with subscriptions are listened to. What comes is checked, and only then handed on; what
 * is dropped is counted, and the log is asked instead. Nothing here is waited for by a publish or a
 * subscribe.
 */
import type { DroppedMail } from '../../backplane/dropped-mail.js';
import type { Envelopes } from '../../backplane/envelopes.js';
import type { BackplaneHandlers } from '../../backplane/redis-backplane.js';
import type { Ways } from '../../backplane/ways.js';
import type { BackplaneFigures, EnvelopeFault } from '../../core/backplane-figures.js';
import type { Clock } from '../../core/clock.js';
import type { LogRow } from '../../core/message.js';
import type { TopicRecord } from '../../core/topic-record.js';
import { AHEAD_ROWS_MAX } from '../state/ahead-rows.js';
import type { Topic } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';
import type { TopicReads } from './placed-reads.js';

/** A session that comes back soon finds its topic still listened to. */
const IGNORE_AFTER_MS = 10_000;
const SWEEP_MS = 1_000;
/** Until the head of a topic is read, however often it comes into doubt meanwhile; others send by then. */
const SOON_MS = 50;

export interface AnnouncementsOptions {
  open: (handlers: BackplaneHandlers) => Ways;
  envelopes: Envelopes;
  /** Begins the name of every channel. */
  cluster: string;
  topics: Topics;
  /** Of the log, as it is after the call. */
  heads: TopicReads<TopicRecord>;
  clock: Pick<Clock, 'monotonic'>;
  /** Consecutive rows of another node; not all below the head. */
  onTold: (topic: Topic, rows: readonly LogRow[]) => void;
  /** Read of the log, since it was in doubt. */
  onHead: (topic: Topic, lastSequence: number) => void;
  onHeadFailed: (error: unknown) => void;
  /** Whatever was told may have been missed: the heads of all topics are to be looked at. */
  onSuspicion: (how: 'at once' | 'soon') => void;
  dropped: DroppedMail;
  /** How often links to workers of other nodes began anew. */
  linkResets: () => number;
  onTrouble: (error: Error) => void;
  onWell: () => void;
}

export class Announcements {
  readonly #options: AnnouncementsOptions;
  readonly #backplane: Ways;
  /** Those that are listened to. */
  readonly #topics = new Map<string, Topic>();
  readonly #channels = new Map<Topic, string>();
  /** Nobody has subscribed to them since, monotonic ms. */
  readonly #idle = new Map<Topic, number>();
  /** Whose head is being read; once more where it came into doubt meanwhile. */
  readonly #doubted = new Map<Topic, 'asked' | 'again'>();
  /** Those that come into doubt in a moment, by their channels. */
  readonly #soon = new Set<string>();
  #received = 0;
  #sweeps: NodeJS.Timeout | null = null;

  constructor(options: AnnouncementsOptions) {
    this.#options = options;
    const { onSuspicion, onTrouble, onWell } = options;
    this.#backplane = options.open({
      onMessage: (channel, message) => this.#came(channel, message),
      onListening: (channels) => {
        if (channels === null) onSuspicion('soon');
        else this.#doubtSoon(channels);
      },
      onAway: () => onSuspicion('at once'),
      onTrouble,
      onWell,
    });
  }

  get figures(): BackplaneFigures {
    const { state, figures } = this.#backplane;
    const { dropped, linkResets } = this.#options;
    const came = { received: this.#received, dropped: dropped.counts, linkResets: linkResets() };
    return { ...figures, state, ...came };
  }

  start(): void {
    this.#backplane.start();
    this.#sweeps = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  stop(): void {
    if (this.#sweeps !== null) clearInterval(this.#sweeps);
    this.#sweeps = null;
    this.#backplane.stop();
  }

  /** Whether other nodes are heard, now. */
  tell(): boolean {
    const { state } = this.#backplane;
    return state === 'up' || state === 'forwarding';
  }

  /** Its first subscription came, or its last went. */
  audience(topic: Topic): void {
    if (topic.subscriptions.size > 0) {
      // What was told while nobody was subscribed was passed over.
      if (this.#idle.delete(topic)) this.doubt(topic);
      this.#listen(topic);
    } else if (this.#channels.has(topic)) {
      this.#idle.set(topic, this.#options.clock.monotonic());
    }
  }

  /** They are of another incarnation of the log now. */
  moved(topics: Iterable<Topic>): void {
    for (const topic of topics) if (this.#channels.has(topic)) this.#listen(topic);
  }

  /**
   * To tell of: committed here, consecutive, of the topic that had that epoch. Made only if somebody
   * listens.
   */
  committed(epoch: string, make: () => readonly LogRow[]): void {
    const { envelopes } = this.#options;
    const channel = this.#channelOf(epoch);
    const wanted = this.#backplane.wants(channel);
    if (wanted === 'nothing') return;
    const rows = make();
    if (wanted === 'messages') {
      for (const one of envelopes.ofRows(epoch, rows)) this.#backplane.send(channel, one);
      return;
    }
    const first = rows[0]?.sequence ?? 0;
    const last = rows.at(-1)?.sequence ?? 0;
    this.#backplane.send(channel, envelopes.ofRange(epoch, first, last));
  }

  /** Somebody says that there is more of it: its head is read from the log. */
  doubt(topic: Topic): void {
    const known = this.#doubted.get(topic);
    this.#doubted.set(topic, known === undefined ? 'asked' : 'again');
    if (known === undefined) this.#readHead(topic);
  }

  #came(channel: string, message: Uint8Array): void {
    const topic = this.#topics.get(channel);
    if (topic === undefined || topic.subscriptions.size === 0) return;
    const envelope = this.#options.envelopes.read(message);
    if (envelope === 'own') return;
    if (typeof envelope === 'string') {
      this.#drop(envelope, channel);
      return;
    }
    const { epoch, first, last, rows } = envelope;
    if (epoch !== topic.epoch) this.#drop('epoch', channel);
    else if (last <= topic.head) this.#options.dropped.drop('stale');
    else if (first > topic.head + AHEAD_ROWS_MAX) this.#drop('farAhead', channel);
    else {
      this.#received++;
      if (rows.length === 0) this.doubt(topic);
      else this.#options.onTold(topic, rows);
    }
  }

  /** In a moment, once for all who ask until then. */
  #doubtSoon(channels: readonly string[]): void {
    const more = channels.filter((channel) => !this.#soon.has(channel));
    if (more.length === 0) return;
    for (const channel of more) this.#soon.add(channel);
    setTimeout(() => {
      for (const channel of more) {
        this.#soon.delete(channel);
        const topic = this.#topics.get(channel);
        if (topic !== undefined && topic.subscriptions.size > 0) this.doubt(topic);
      }
    }, SOON_MS).unref();
  }

  #drop(fault: EnvelopeFault, channel: string): void {
    this.#options.dropped.drop(fault);
    this.#doubtSoon([channel]);
  }

  #readHead(topic: Topic): void {
    const { epoch } = topic;
    this.#options.heads.ask(topic.id, {
      found: (_id, record) => {
        const isThere = record?.key === topic.key && topic.epoch === epoch;
        if (record !== null && isThere) this.#options.onHead(topic, record.lastSequence);
        this.#headRead(topic);
      },
      failed: (_id, error) => {
        this.#doubted.delete(topic);
        // What fails after the stop fails since everything ends.
        if (this.#sweeps !== null) this.#options.onHeadFailed(error);
      },
    });
  }

  #headRead(topic: Topic): void {
    const isAgain = this.#doubted.get(topic) === 'again' && topic.subscriptions.size > 0;
    this.#doubted.delete(topic);
    if (isAgain) this.doubt(topic);
  }

  #listen(topic: Topic): void {
    const channel = this.#channelOf(topic.epoch);
    if (this.#channels.get(topic) === channel) return;
    this.#ignore(topic);
    this.#channels.set(topic, channel);
    this.#topics.set(channel, topic);
    this.#backplane.listen(channel);
  }

  #ignore(topic: Topic): void {
    const channel = this.#channels.get(topic);
    this.#channels.delete(topic);
    // It may have been met anew meanwhile, with the same channel.
    if (channel === undefined || this.#topics.get(channel) !== topic) return;
    this.#topics.delete(channel);
    this.#backplane.ignore(channel);
  }

  #sweep(): void {
    const now = this.#options.clock.monotonic();
    for (const [topic, sinceMs] of this.#idle) {
      if (now - sinceMs < IGNORE_AFTER_MS) continue;
      this.#idle.delete(topic);
      this.#ignore(topic);
    }
  }

  /** Epochs of two databases are never the same, so neither are the channels of two clusters. */
  #channelOf(epoch: string): string {
    return `${this.#options.cluster}:${epoch}`;
  }
}
