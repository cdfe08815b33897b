/** A durable subscription that sessions at several nodes share under publishes, judged at the end. */
import { eventually } from '../../../native-bench/rig/eventually.js';
import type { TestNode } from '../../../native-bench/rig/node.js';
import { readHistory } from '../chaos/chaos-end.js';
import { ChaosRecorder } from '../chaos/chaos-recorder.js';
import { Publisher } from '../clients/publisher.js';
import { ask } from '../nodes/node-pair.js';
import { type Fault, judgeDeliveries } from './delivery-checker.js';
import { GroupMember, type MemberOptions } from './group-member.js';

/** As nobody here sets another. */
const MAX_DELIVER = 5;

export class JudgedGroup {
  readonly topic: string;
  readonly name = 'workers';
  readonly recorder = new ChaosRecorder();
  readonly members: GroupMember[] = [];
  readonly #publishers: Publisher[] = [];
  #isOver = false;
  #loads: Promise<void>[] = [];

  constructor(topic: string) {
    this.topic = topic;
  }

  async join(node: TestNode, more: Partial<MemberOptions> = {}): Promise<GroupMember> {
    const { topic, name, recorder } = this;
    const member = await GroupMember.open({ topic, name, recorder, node, ...more });
    this.members.push(member);
    return member;
  }

  /** Publishes at that node until the end. */
  publishAt(node: TestNode, mark: string): Publisher {
    const publisher = new Publisher(node.url, mark);
    this.#publishers.push(publisher);
    const until = (): boolean => this.#isOver;
    this.#loads.push(publisher.load({ topics: [this.topic], connections: 2, until, pauseMs: 5 }));
    return publisher;
  }

  get sent(): number {
    return this.#publishers.reduce((sum, one) => sum + one.acked().length, 0);
  }

  /** Each of them has been given so many more. */
  flows(members: readonly GroupMember[], count = 20): Promise<void> {
    const before = members.map(({ got }) => got.length);
    return eventually(() => members.every(({ got }, n) => got.length >= (before[n] ?? 0) + count));
  }

  async standing(node: TestNode): Promise<Record<string, unknown>> {
    return (await ask(node, `/api/subscriptions/${this.topic}/${this.name}`)).body;
  }

  /** No publishes any more; nothing is judged. */
  async leave(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loads);
    for (const one of this.#publishers) one.close();
    this.close();
  }

  /** No publishes any more; all of them are settled, as that node tells. What was wrong until then. */
  async end(node: TestNode): Promise<Fault[]> {
    this.#isOver = true;
    await Promise.all(this.#loads);
    for (const one of this.#publishers) one.close();
    const { topic, name, recorder } = this;
    await eventually(async () => {
      const { ack_floor: floor, lag } = await this.standing(node);
      return Number(floor) >= this.sent && lag === 0;
    }, 60_000);
    const durables = [{ name, sessions: 'group' as const }];
    const history = await readHistory(
      { url: node.url, topics: [topic], durables },
      recorder,
      MAX_DELIVER,
    );
    return judgeDeliveries(history);
  }

  close(): void {
    for (const member of this.members) member.end('clean');
  }
}
