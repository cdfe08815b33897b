/** What /api/topics and what lies below it ask of the workers that own the topics, and of the log. */
import type { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { Tenant, TopicKey } from '../../core/topic-key.js';
import type { OwnedTopic, TopicArrears, TopicRecord } from '../../core/topic-record.js';
import type { TOPIC_MOVE } from '../../wire/schemas/topic-move.js';
import type { messagePage, newTopic, topicPage, topicPatch } from '../../wire/schemas/topics.js';
import type { Control } from './control.js';

type MessagePage = z.output<ReturnType<typeof messagePage>>;

/** Who asks about which topic. */
export interface TopicAsked {
  principal: Principal;
  params: { name: string };
}

export class TopicRoutes {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  async create(
    principal: Principal,
    { name, retention }: z.output<ReturnType<typeof newTopic>>,
  ): Promise<OwnedTopic> {
    const key = principal.keyOf(name);
    const answer = await this.#control.call('topic.create', { key, retention });
    if (answer.created) return answer;
    throw new RequestError('topic_exists', `the topic ${name} exists`, 'name');
  }

  async get(asked: TopicAsked): Promise<OwnedTopic> {
    const record = await this.record(asked);
    const { subscribers } = await this.#control.call('topic.subscribers', { key: record.key });
    return { record, subscribers };
  }

  /** What the log has of it. */
  async record(asked: TopicAsked): Promise<TopicRecord> {
    const { record } = await this.#control.browsing.of('topic.get', { key: keyOf(asked) });
    return found(record);
  }

  async patch(
    asked: TopicAsked,
    { retention }: z.output<ReturnType<typeof topicPatch>>,
  ): Promise<OwnedTopic> {
    const args = { key: keyOf(asked), retention };
    return found((await this.#control.call('topic.patch', args)).topic);
  }

  async delete(asked: TopicAsked): Promise<undefined> {
    const key = keyOf(asked);
    const { deleted } = await this.#control.call('topic.delete', { key });
    found(deleted ? key : null);
  }

  /** Of another tenant where the operator names one. Database and place: from 1, and from 0. */
  async move(asked: TopicAsked, { database, tenant }: z.output<typeof TOPIC_MOVE>) {
    const { name } = asked.params;
    const key = tenant === null ? keyOf(asked) : asked.principal.keyOfOther(tenant, name);
    const { state, from, to } = await this.#control.call('topic.move', { key, to: database - 1 });
    return { topic: name, from: from + 1, to: to + 1, state };
  }

  /** Where it ends. */
  async position(asked: TopicAsked) {
    const { position } = await this.#control.browsing.of('topic.position', { key: keyOf(asked) });
    const { epoch, lastSequence: sequence, firstSequence } = found(position);
    return { epoch, sequence, firstSequence };
  }

  async messages(asked: TopicAsked, page: MessagePage): Promise<Uint8Array> {
    const { limit, order, filter } = page;
    const args = { key: keyOf(asked), from: beginOf(page), limit, order, filter };
    return (await this.#control.browsing.of('topic.messages', args)).body;
  }

  /** With the subscriber counts, which only the owners know: every worker is asked. */
  async list(
    principal: Principal,
    { with: more, ...page }: z.output<ReturnType<typeof topicPage>>,
  ): Promise<OwnedTopic[]> {
    const tenant = principal.tenantBelow(page.prefix);
    const pages = await this.#control.browsing.all('topics.list', { ...page, tenant });
    const records = pages
      .flatMap((one) => one.records)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, page.limit);
    const keys = records.map(({ key }) => key);
    const answers = await this.#control.askAll('topics.counts', { keys });
    const topics = records.map((record, n) => {
      const subscribers = answers.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0);
      return { record, subscribers };
    });
    return more === null ? topics : this.#withArrears(tenant, topics);
  }

  /** Of the page at once. What this node knows of its subscriptions is saved before it is asked for. */
  async #withArrears(tenant: Tenant, topics: readonly OwnedTopic[]): Promise<OwnedTopic[]> {
    const { browsing, workers } = this.#control;
    await this.#control.askAll('subscription.flush-all', {});
    const topicIds = topics.map(({ record }) => record.id);
    const pages = await browsing.all('topics.arrears', { tenant, topicIds });
    const all = pages.flatMap(({ arrears }) => arrears);
    const known = new Map(all.map((one) => [one.topicId, one]));
    return topics.map((topic) => {
      const { id, key, lastSequence } = topic.record;
      const { floor = null, deadLetters = 0 }: Partial<TopicArrears> = known.get(id) ?? {};
      const lag = floor === null ? null : Math.max(0, lastSequence - floor);
      return { ...topic, arrears: { lag, deadLetters, worker: workers.indexOf(key) } };
    });
  }
}

/** At most one of them. */
function beginOf(page: Pick<MessagePage, 'from_sequence' | 'from_time'>) {
  const { from_sequence: sequence, from_time: timeMs } = page;
  if (timeMs === null) return sequence === null ? null : { sequence };
  if (sequence === null) return { timeMs };
  throw new RequestError('invalid_query', 'does not go with from_sequence', 'from_time');
}

function keyOf({ principal, params }: TopicAsked): TopicKey {
  return principal.keyOf(params.name);
}

function found<T>(value: T | null): T {
  if (value === null) throw new RequestError('topic_not_found', 'topic not found', 'topic');
  return value;
}
