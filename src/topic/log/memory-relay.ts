/**
 * What nodes in memory tell each other by Redis, where they have no log in common: each takes in what the
 * others publish as a message of its own log, with a sequence and an id of its own. Each topic has a channel,
 * by its name; it is listened to from the first subscription on, as long as the topic is there. What is lost
 * on the way is lost: nobody can be asked for it.
 */
import { createHash } from 'node:crypto';
import type { DroppedMail } from '../../backplane/dropped-mail.js';
import { type Envelopes, fitsEnvelope } from '../../backplane/envelopes.js';
import type { BackplaneHandlers } from '../../backplane/redis-backplane.js';
import type { Ways } from '../../backplane/ways.js';
import type { BackplaneFigures } from '../../core/backplane-figures.js';
import { topicIdOf } from '../../core/epoch.js';
import type { LogRow } from '../../core/message.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { Topic } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';

/** From one look for topics that were deleted to the next. */
const SWEEP_MS = 1_000;

export interface MemoryRelayOptions {
  open: (handlers: BackplaneHandlers) => Ways;
  envelopes: Envelopes;
  /** Begins the name of every channel. */
  cluster: string;
  topics: Topics;
  /** What is larger is not believed to be of a node. */
  payloadBytesMax: number;
  /** Rows of another node, which are to be stored here and handed out. */
  onTold: (topic: Topic, rows: readonly LogRow[]) => void;
  dropped: DroppedMail;
  onTrouble: (error: Error) => void;
  onWell: () => void;
}

export class MemoryRelay {
  readonly #options: MemoryRelayOptions;
  readonly #ways: Ways;
  /** Those that are listened to, by their channels. */
  readonly #topics = new Map<string, Topic>();
  #received = 0;
  /** Messages that are too large for an envelope: other nodes are not told of them. */
  #tooLarge = 0;
  #sweeps: NodeJS.Timeout | null = null;

  constructor(options: MemoryRelayOptions) {
    this.#options = options;
    const { onTrouble, onWell } = options;
    this.#ways = options.open({
      ...{ onTrouble, onWell },
      onMessage: (channel, message) => this.#came(channel, message),
      // What was said before cannot be asked for.
      onListening: () => undefined,
      onAway: () => undefined,
    });
  }

  get figures(): BackplaneFigures {
    const { state, figures } = this.#ways;
    const unsentFull = figures.unsentFull + this.#tooLarge;
    const came = { received: this.#received, dropped: this.#options.dropped.counts };
    return { ...figures, unsentFull, state, ...came, linkResets: 0 };
  }

  start(): void {
    this.#ways.start();
    this.#sweeps = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  stop(): void {
    if (this.#sweeps !== null) clearInterval(this.#sweeps);
    this.#ways.stop();
  }

  /** Whether other nodes are heard, now. */
  tell(): boolean {
    return this.#ways.state === 'up';
  }

  /** Also when its last subscription went: a durable one goes on without sessions. */
  audience(topic: Topic): void {
    if (topic.subscriptions.size === 0) return;
    const channel = this.#channelOf(topic.key);
    const known = this.#topics.get(channel);
    this.#topics.set(channel, topic);
    if (known === undefined) this.#ways.listen(channel);
  }

  /** To tell of: committed here, of the topic that has that epoch. */
  committed(epoch: string, make: () => readonly LogRow[]): void {
    const topic = this.#options.topics.byId(topicIdOf(epoch));
    if (topic === undefined) return;
    const channel = this.#channelOf(topic.key);
    if (this.#ways.wants(channel) === 'nothing') return;
    const rows = make();
    const fitting = rows.filter(fitsEnvelope);
    this.#tooLarge += rows.length - fitting.length;
    // By their places in the envelopes: sequences of here say nothing to others.
    const told = fitting.map((row, n) => ({ ...row, sequence: n + 1 }));
    for (const one of this.#options.envelopes.ofRows(nameOf(topic.key), told)) {
      this.#ways.send(channel, one);
    }
  }

  /** Nobody knows more of it. */
  doubt(): void {
    // There is no log to ask.
  }

  /** Of one life of a log in memory there is no other. */
  moved(): void {
    // Channels are by name.
  }

  #came(channel: string, message: Uint8Array): void {
    const topic = this.#topics.get(channel);
    if (topic === undefined) return;
    const { dropped, payloadBytesMax } = this.#options;
    const envelope = this.#options.envelopes.read(message);
    if (envelope === 'own') return;
    if (typeof envelope === 'string') dropped.drop(envelope);
    else if (envelope.epoch !== nameOf(topic.key)) dropped.drop('epoch');
    else if (envelope.rows.length === 0) dropped.drop('garbage');
    else if (envelope.rows.some(({ payload }) => payload.length > payloadBytesMax)) {
      dropped.drop('oversized');
    } else {
      this.#received++;
      this.#options.onTold(topic, envelope.rows);
    }
  }

  #sweep(): void {
    for (const [channel, topic] of this.#topics) {
      if (this.#options.topics.known(topic.key) === topic) continue;
      this.#topics.delete(channel);
      this.#ways.ignore(channel);
    }
  }

  #channelOf(key: TopicKey): string {
    return `${this.#options.cluster}:${nameOf(key)}`;
  }
}

const NAMES_MAX = 16_384;
const names = new Map<TopicKey, string>();

/** The same at all nodes, and in no log on a database: their epochs are numbers and a name. */
function nameOf(key: TopicKey): string {
  const known = names.get(key);
  if (known !== undefined) return known;
  if (names.size >= NAMES_MAX) names.clear();
  const name = `memory-${createHash('sha256').update(key).digest('hex')}`;
  names.set(key, name);
  return name;
}
