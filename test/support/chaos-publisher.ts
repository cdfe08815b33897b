/**
 * A publisher of a chaos test: one message after another over HTTP, each one repeated under its dedupe
 * key until it is answered, so that every mark is one message whatever happens to the node.
 */
import http from 'node:http';
import { pause } from './chaos-consumer.js';
import type { ChaosRecorder } from './chaos-recorder.js';
import { type Answer, request } from './publisher.js';
import type { SeededRandom } from './seeded-random.js';

export interface ChaosPublisherOptions {
  name: string;
  url: string;
  topics: readonly string[];
  random: SeededRandom;
  recorder: ChaosRecorder;
}

/** Well below the dedupe window. */
const GIVEN_UP_AFTER_MS = 60_000;
const RETRY_MS = 20;
const PAUSE_MS_MAX = 30;

export class ChaosPublisher {
  readonly #options: ChaosPublisherOptions;
  readonly #random: SeededRandom;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #published = 0;
  repeated = 0;

  constructor(options: ChaosPublisherOptions) {
    this.#options = options;
    this.#random = options.random.fork();
  }

  async run(until: () => boolean): Promise<void> {
    const { topics } = this.#options;
    while (!until()) {
      const topic = topics[Math.floor(this.#random.next() * topics.length)] ?? '';
      await this.#publish(topic, this.#mark());
      await pause(this.#random.between(0, PAUSE_MS_MAX));
    }
    this.#agent.destroy();
  }

  /** Its end says how consumers treat it; see fateOf. */
  #mark(): string {
    const chance = this.#random.next();
    const fate = chance < 0.01 ? 'poison' : chance < 0.02 ? 'refuse' : 'plain';
    return `${this.#options.name}-${++this.#published}-${fate}`;
  }

  async #publish(topic: string, mark: string): Promise<void> {
    const { recorder } = this.#options;
    const body = JSON.stringify({ topic, payload: { n: mark }, dedupe_key: mark });
    const until = performance.now() + GIVEN_UP_AFTER_MS;
    while (performance.now() < until) {
      const answer = await this.#post(body);
      if (answer?.status === 200) {
        const sequence = Number(answer.body.sequence);
        const messageId = String(answer.body.message_id);
        recorder.add({ type: 'published', topic, sequence, messageId, mark });
        return;
      }
      if (answer !== null && answer.status !== 503) {
        recorder.problem(`a publish was answered ${answer.status} ${answer.body.code}`);
        return;
      }
      this.repeated++;
      await pause(RETRY_MS);
    }
    recorder.problem('a publish was not answered 200 in a minute');
  }

  /** null: no answer. */
  async #post(body: string): Promise<Answer | null> {
    try {
      return await request(`${this.#options.url}/api/publish`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        agent: this.#agent,
      });
    } catch {
      return null;
    }
  }
}
