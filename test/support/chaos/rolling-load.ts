/**
 * Publishers that try again at the other node until each message is taken, and a durable consumer that goes
 * on elsewhere when its node sends it away: what nodes that are restarted one after the other must not be
 * seen by.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { TestNode } from '../../../native-bench/rig/node.js';
import type { Attempt } from '../clients/publisher.js';
import { Subscriber } from '../clients/subscriber.js';
import { judgeLog } from '../log/log-checker.js';
import { postJson } from '../nodes/node-pair.js';

const TRIES_MAX = 400;
/** Once all was published; a delivery comes again after a second. */
const CONSUMED_MS = 60_000;
/** Lines on the consumer that are told when it waits in vain. */
const TOLD_MAX = 40;
const PUBLISHERS = ['p', 'q', 'r'];
/** Publishers begin with it: what is in the log before it is made is to be consumed, too. */
const WORKER = { subscription: 'worker', start: { from: 'earliest' } };

export class RollingLoad {
  readonly topic: string;
  /** Of now. */
  readonly #nodes: readonly TestNode[];
  readonly history: Attempt[] = [];
  /** Marks, in the order in which each came first. */
  readonly first: string[] = [];
  #isOver = false;
  #isWhole = false;
  #isGivenUp = false;
  /** What became of the consumer's sessions, the latest last. */
  readonly #told: string[] = [];
  #publishers: Promise<void>[] = [];
  #consumer: Promise<void> = Promise.resolve();

  constructor(topic: string, nodes: readonly TestNode[]) {
    this.topic = topic;
    this.#nodes = nodes;
  }

  start(): void {
    this.#publishers = PUBLISHERS.map((name) => this.#publishOn(name));
    this.#consumer = this.#consume();
  }

  /** All that was published has been consumed. What was wrong, in lines. */
  async end(databaseUrl: string): Promise<string[]> {
    this.#isOver = true;
    await Promise.all(this.#publishers);
    this.#isWhole = true;
    await Promise.race([this.#consumer, delay(CONSUMED_MS, null, { ref: false })]);
    this.#isGivenUp = true;
    const { lost, phantom, broken, twice } = await judgeLog(databaseUrl, this.history);
    const wrong = [...lost, ...phantom, ...broken, ...twice, ...this.#unconsumed()];
    const bySequence = [...this.history].sort((one, other) => one.sequence - other.sequence);
    const isInOrder = bySequence.every(({ mark }, n) => this.first[n] === mark);
    if (!isInOrder || this.first.length !== bySequence.length) {
      wrong.push('first deliveries are not those of the log, in its order');
    }
    for (const name of PUBLISHERS) {
      const own = this.history.filter(({ mark }) => mark.startsWith(name));
      const ascends = own.every((one, n) => n === 0 || one.sequence > (own[n - 1]?.sequence ?? 0));
      if (!ascends) wrong.push(`what ${name} published one after the other is not in that order`);
    }
    return wrong;
  }

  /** With what the consumer was told; nothing: it has consumed all. */
  #unconsumed(): string[] {
    const known = new Set(this.first);
    const missing = this.history.filter(({ mark }) => !known.has(mark));
    if (missing.length === 0) return [];
    const which = missing.map(({ mark, sequence }) => `${mark} (${sequence})`).slice(0, 20);
    const line = `${missing.length} of ${this.history.length} were never consumed: ${which}`;
    return [line, ...this.#told];
  }

  #tell(line: string): void {
    this.#told.push(line);
    if (this.#told.length > TOLD_MAX) this.#told.shift();
  }

  #node(n: number): TestNode {
    return this.#nodes[n % this.#nodes.length] as TestNode;
  }

  /** One message after another, each until it is taken, at one node or the other. */
  async #publishOn(name: string): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const mark = `${name}-${n}`;
      const body = { topic: this.topic, payload: { n: mark }, dedupe_key: mark };
      for (let tries = 0; ; tries++) {
        const answer = await postJson(this.#node(n + tries), '/api/publish', body).catch(
          () => null,
        );
        if (answer?.status === 200) {
          this.#taken(mark, answer.body);
          break;
        }
        if (tries === TRIES_MAX) throw new Error(`${mark}: ${answer?.status}`);
        await delay(25);
      }
      await delay(5);
    }
  }

  #taken(mark: string, body: Record<string, unknown>): void {
    const { sequence, message_id: messageId } = body as { sequence: number; message_id: string };
    const { topic } = this;
    this.history.push({ topic, mark, outcome: 'ok', status: 200, sequence, messageId });
  }

  async #consume(): Promise<void> {
    const known = new Set<string>();
    for (let n = 0; !this.#isGivenUp; n++) {
      const one = await Subscriber.open(this.#node(n).wsUrl, 'json').catch(() => null);
      if (one !== null) one.onControl = (frame) => this.#tell(`${n}: ${JSON.stringify(frame)}`);
      const asked = await one?.subscribe(this.topic, WORKER).catch(() => null);
      let seen = 0;
      while (one !== null && asked?.type === 'subscribed' && one.closed === null) {
        if (this.#isGivenUp) break;
        for (; seen < one.messages.length; seen++) {
          const { payload, sequence } = one.messages[seen] as never;
          const { n: mark } = payload as { n: string };
          if (!known.has(mark)) this.first.push(mark);
          known.add(mark);
          one.send({ type: 'ack', topic: this.topic, sequence });
        }
        if (this.#isWhole && known.size === this.history.length) {
          one.close();
          return;
        }
        await delay(5);
      }
      one?.close();
      await delay(50);
    }
  }
}
