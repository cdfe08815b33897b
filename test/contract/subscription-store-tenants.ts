/** The subscription store's suite, its part on two tenants whose topics and subscriptions have one name. */

import type { DeadLetterFilter } from '../../src/core/dead-letter-record.js';
import type { SubscriptionRecord } from '../../src/core/subscription-record.js';
import { type Tenant, topicNameOf } from '../../src/core/topic-key.js';
import type { TopicRecord } from '../../src/core/topic-record.js';
import { OTHER, TENANT } from '../support/tenants/tenants.js';
import { put, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import type { OpenStore, StoreParts } from './subscription-store.js';
import {
  deliveriesOf,
  filterOf,
  givenUp,
  lettersOf,
  saveOf,
  taken,
  topicWith,
} from './subscription-store.js';

const DAY_MS = 86_400_000;
const ALL_OF_THEM = 1_000_000;

interface Side {
  tenant: Tenant;
  topic: TopicRecord;
  record: SubscriptionRecord;
  /** Of its dead letters, of sequences 1 and 2. */
  ids: number[];
  messageId: Uint8Array;
}

/** Each with two dead letters; `theirs` is the other tenant's. */
async function sides(open: OpenStore): Promise<{ ours: Side; theirs: Side }> {
  const first = await topicWith(open, 2);
  const key = OTHER.keyOf(topicNameOf(first.key));
  const { topic: second } = await open.log.createTopic(key, null);
  await put(open, ...[1, 2].map((n) => new TestAppend(second.id, { payload: text(`"${n}"`) })));
  return { ours: await side(open, TENANT, first), theirs: await side(open, OTHER.tenant, second) };
}

async function side(open: OpenStore, tenant: Tenant, topic: TopicRecord): Promise<Side> {
  const { store } = open;
  const record = await taken(open, topic);
  const deadLetters = [1, 2].map((sequence) => givenUp(sequence));
  await store.save([saveOf(record, { ackFloor: 2, delivered: 2, deadLetters })]);
  const letters = await lettersOf(open, filterOf(topic));
  const messageId = letters[0]?.row.messageId ?? new Uint8Array(16);
  return { tenant, topic, record, ids: letters.map(({ id }) => id), messageId };
}

function each({ ours, theirs }: { ours: Side; theirs: Side }): [own: Side, others: Side][] {
  return [
    [ours, theirs],
    [theirs, ours],
  ];
}

/** All of the tenant or of its topic, of a subscription or of any, by their ids or whichever. */
function filters({ tenant, topic }: Side, ids: number[]): DeadLetterFilter[] {
  return [tenant, topic.key].flatMap((within) =>
    [null, 'sub'].flatMap((subscription) =>
      [null, ids].map((some) => ({ within, subscription, ids: some })),
    ),
  );
}

export const TENANTS: StoreParts = {
  'count what waits in topics of their own': async (t, open) => {
    for (const [own, others] of each(await sides(open))) {
      const ids = [own.topic.id, others.topic.id];
      const { id: topicId } = own.topic;
      t.same(await open.store.arrears(own.tenant, ids), [{ topicId, floor: 2, deadLetters: 2 }]);
    }
  },

  'have durable subscriptions of their own, of one name': async (t, open) => {
    const { store } = open;
    const both = await sides(open);
    const page = { after: null, limit: 1_000 };
    for (const [own, others] of each(both)) {
      t.equal((await store.find(own.topic.id, 'sub'))?.id, own.record.id);
      const ofTopic = await store.list(own.topic.key, page);
      t.same(
        ofTopic.map(({ id }) => id),
        [own.record.id],
      );
      const all = (await store.list(own.tenant, page)).map(({ id }) => id);
      t.ok(all.includes(own.record.id));
      t.notOk(all.includes(others.record.id));
    }
    t.equal(await store.delete(both.theirs.topic.id, 'sub'), true);
    t.equal((await store.find(both.ours.topic.id, 'sub'))?.id, both.ours.record.id);
  },

  'see, count and purge their own dead letters alone': async (t, open) => {
    const { store } = open;
    const both = await sides(open);
    const all = [...both.ours.ids, ...both.theirs.ids];
    for (const [own, others] of each(both)) {
      for (const filter of filters(own, all)) {
        const shown = JSON.stringify(filter);
        const ids = (await lettersOf(open, filter)).map(({ id }) => id);
        const isOfTenant = filter.within === own.tenant && filter.ids === null;
        t.same(isOfTenant ? ids.filter((id) => all.includes(id)) : ids, own.ids, shown);
        const counted = await store.countDeadLetters(filter);
        t.equal(counted, isOfTenant ? ids.length : 2, shown);
      }
      for (const filter of filters(own, others.ids)) {
        if (filter.ids === null) continue;
        t.equal(await store.purgeDeadLetters(filter, ALL_OF_THEM), 0, JSON.stringify(filter));
      }
    }
    for (const filter of filters(both.theirs, all).reverse()) {
      const went = await store.purgeDeadLetters(filter, ALL_OF_THEM);
      const left = await store.countDeadLetters(filterOf(both.ours.topic));
      t.equal(left, 2, `${went} by ${JSON.stringify(filter)}`);
    }
    t.equal(await store.countDeadLetters(filterOf(both.theirs.topic)), 0);
  },

  'give back their own dead letters alone': async (t, open) => {
    const { store } = open;
    const both = await sides(open);
    for (const [own, others] of each(both)) {
      t.same(await store.redrive(own.tenant, others.ids), []);
      t.equal(await store.countDeadLetters(filterOf(others.topic)), 2);
      t.same(await deliveriesOf(open, others.topic), []);
    }
    const [first = 0] = both.ours.ids;
    const given = await store.redrive(TENANT, [...both.theirs.ids, first]);
    t.same(
      given.map(({ id }) => id),
      [first],
    );
    t.equal(await store.countDeadLetters(filterOf(both.theirs.topic)), 2);
  },

  'give back what their own sessions gave up alone': async (t, open) => {
    const { store } = open;
    const both = each(await sides(open));
    for (const [{ topic }] of both) {
      const nothing = { failures: [], settledDeliveries: [] };
      const save = { topicId: topic.id, session: 's', deadLetters: [givenUp(1)], ...nothing };
      await store.saveEphemeral(save);
    }
    for (const [own, others] of both) {
      const ids = (await lettersOf(open, filterOf(others.topic))).map(({ id }) => id);
      t.equal(ids.length, 3);
      t.same(await store.redrive(own.tenant, ids), []);
    }
  },

  'find messages whose ids are of another day, their own alone': async (t, open) => {
    const { store } = open;
    for (const [own, others] of each(await sides(open))) {
      const payload = text('"old"');
      const append = new TestAppend(others.topic.id, { payload }, Date.now() - 9 * DAY_MS);
      await put(open, append);
      const { key } = others.topic;
      t.match(await store.findMessage(others.tenant, append.messageId), { key });
      t.equal(await store.findMessage(own.tenant, append.messageId), null);
    }
  },

  'find and trace their own messages alone': async (t, open) => {
    const { store } = open;
    for (const [own, others] of each(await sides(open))) {
      const { key, id: topicId } = own.topic;
      t.match(await store.findMessage(own.tenant, own.messageId), { key, topicId });
      t.equal(await store.findMessage(others.tenant, own.messageId), null);
      const { deadLetters, subscriptions } = await store.traceOf(topicId, 1);
      t.same(
        [deadLetters.map(({ id }) => id), subscriptions.map(({ record }) => record.id)],
        [own.ids.slice(0, 1), [own.record.id]],
      );
    }
  },
};
