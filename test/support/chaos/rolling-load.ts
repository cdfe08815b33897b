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
const PUBLISHERS = ['p', 'q', 'r'];

export class RollingLoad {
  readonly topic: string;
  /** Of now. */
  readonly #nodes: readonly TestNode[];
  readonly history: Attempt[] = [];
  /** Marks, in the order in which each came first. */
  readonly first: string[] = [];
  #isOver = false;
  #isWhole = false;
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
    await this.#consumer;
    const { lost, phantom, broken, twice } = await judgeLog(databaseUrl, this.history);
    const wrong = [...lost, ...phantom, ...broken, ...twice];
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
    for (let n = 0; ; n++) {
      const one = await Subscriber.open(this.#node(n).wsUrl, 'json').catch(() => null);
      const asked = await one?.subscribe(this.topic, { subscription: 'worker' }).catch(() => null);
      let seen = 0;
      while (one !== null && asked?.type === 'subscribed' && one.closed === null) {
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
