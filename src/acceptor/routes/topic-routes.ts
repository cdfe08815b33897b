/** What /api/topics and what lies below it ask of the workers that own the topics, and of the log. */
import type { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { OwnedTopic } from '../../core/topic-record.js';
import type { messagePage, newTopic, topicPage, topicPatch } from '../../wire/schemas/topics.js';
import {
  type TopicPageView,
  type TopicPositionView,
  type TopicView,
  topicPageView,
  topicPositionView,
  topicView,
} from '../../wire/views/topic-view.js';
import type { Control } from './control.js';

export class TopicRoutes {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  async create(
    principal: Principal,
    { name, retention }: z.output<ReturnType<typeof newTopic>>,
  ): Promise<TopicView> {
    const key = principal.keyOf(name);
    const answer = await this.#control.call('topic.create', { key, retention });
    if (answer.created) return topicView(answer);
    throw new RequestError('topic_exists', `the topic ${name} exists`, 'name');
  }

  async list(
    principal: Principal,
    page: z.output<ReturnType<typeof topicPage>>,
  ): Promise<TopicPageView> {
    return topicPageView(await this.#listTopics(principal, page), page.limit);
  }

  async get(key: TopicKey): Promise<TopicView> {
    const record = found((await this.#control.browsing.of('topic.get', { key })).record);
    const { subscribers } = await this.#control.call('topic.subscribers', { key });
    return topicView({ record, subscribers });
  }

  async patch(
    key: TopicKey,
    { retention }: z.output<ReturnType<typeof topicPatch>>,
  ): Promise<TopicView> {
    const { topic } = await this.#control.call('topic.patch', { key, retention });
    return topicView(found(topic));
  }

  async delete(key: TopicKey): Promise<undefined> {
    const { deleted } = await this.#control.call('topic.delete', { key });
    found(deleted ? key : null);
  }

  async position(key: TopicKey): Promise<TopicPositionView> {
    const { position } = await this.#control.browsing.of('topic.position', { key });
    return topicPositionView(found(position));
  }

  async messages(
    key: TopicKey,
    page: z.output<ReturnType<typeof messagePage>>,
  ): Promise<Uint8Array> {
    const { from_sequence: fromSequence, limit, order } = page;
    const args = { key, fromSequence, limit, order };
    return (await this.#control.browsing.of('topic.messages', args)).body;
  }

  /** With the subscriber counts, which only the owners know: every worker is asked. */
  async #listTopics(
    { tenant }: Principal,
    page: z.output<ReturnType<typeof topicPage>>,
  ): Promise<OwnedTopic[]> {
    const pages = await this.#control.browsing.all('topics.list', { ...page, tenant });
    const records = pages
      .flatMap((one) => one.records)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, page.limit);
    const keys = records.map(({ key }) => key);
    const answers = await this.#control.askAll('topics.counts', { keys });
    return records.map((record, n) => {
      const subscribers = answers.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0);
      return { record, subscribers };
    });
  }
}

function found<T>(value: T | null): T {
  if (value === null) throw new RequestError('topic_not_found', 'topic not found', 'topic');
  return value;
}
