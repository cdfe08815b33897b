/** The contract suite's part on topics. */

import { RequestError } from '../../src/core/errors.js';
import { topicNameOf } from '../../src/core/topic-key.js';
import { keyOf, NOBODY, TENANT } from '../support/tenants/tenants.js';
import type { Parts } from './message-log.js';
import { newTopic, put, rangeOf, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';

export const TOPICS: Parts = {
  'are made once, found, patched and deleted': async (t, open) => {
    const { log } = open;
    t.equal(await log.findTopic(keyOf('crud.x')), null);
    t.equal(await log.findTopic(keyOf('no such\0name')), null);
    const retention = { hours: 5, messages: null, bytes: 1_000_000_000_000 };
    const { topic, created } = await log.createTopic(keyOf('crud.x'), retention);
    t.equal(created, true);
    t.match(topic, { key: keyOf('crud.x'), lastSequence: 0, firstSequence: 1, bytes: 0 });
    t.same(topic.retention, retention);
    t.ok(Math.abs(topic.createdAtMs - Date.now()) < 60_000);
    t.equal(topic.lastPublishedAtMs, 0);
    const again = await log.createTopic(keyOf('crud.x'), null);
    t.same(again, { topic, created: false });
    t.same(await log.findTopic(keyOf('crud.x')), topic);
    const names = ['crud.none', 'crud.x', 'no such\0name', 'crud.x'];
    t.same([...(await log.findTopics(names.map(keyOf)))], [[keyOf('crud.x'), topic]]);
    t.equal((await log.findTopics([])).size, 0);
    t.equal((await log.findTopics(names.map((name) => NOBODY.keyOf(name)))).size, 0);
    const patched = await log.patchTopic(keyOf('crud.x'), {
      hours: null,
      messages: 7,
      bytes: null,
    });
    t.same(patched?.retention, { hours: null, messages: 7, bytes: null });
    t.equal(await log.patchTopic(keyOf('crud.y'), { hours: 1, messages: null, bytes: null }), null);
    t.equal((await log.deleteTopic(keyOf('crud.x')))?.id, topic.id);
    t.equal(await log.deleteTopic(keyOf('crud.x')), null);
    t.equal(await log.findTopic(keyOf('crud.x')), null);
    t.equal((await log.heads([topic.id])).size, 0);
  },

  'that moved are found by what is known of them': async (t, open) => {
    const { log } = open;
    const [still, ahead, gone] = [await newTopic(log), await newTopic(log), await newTopic(log)];
    const one = (topicId: number) => new TestAppend(topicId, { payload: text('x') });
    await put(open, ...[still, ahead, gone].map(({ id }) => one(id)));
    const known = [still, ahead, gone].map(({ id }) => ({ id, head: 1 }));
    const isExact = log.databases.length === 1;
    if (isExact) t.same(await log.movedHeads(known), [], 'nothing has moved');
    await put(open, one(ahead.id));
    await log.deleteTopic(gone.key);
    const moved = new Set(await log.movedHeads(known));
    t.ok(moved.has(ahead.id), 'one that has more');
    t.ok(moved.has(gone.id), 'one that is gone');
    if (isExact) t.equal(moved.size, 2, 'and no other');
    t.same(await log.movedHeads([]), [], 'none of none');
  },

  'of fifty concurrent creates exactly one makes the topic': async (t, open) => {
    const { log } = open;
    const results = await Promise.all(
      Array.from({ length: 50 }, () => log.createTopic(keyOf('race.x'), null)),
    );
    t.equal(results.filter((result) => result.created).length, 1);
    t.equal(new Set(results.map((result) => result.topic.id)).size, 1);
  },

  'are listed by name in byte order, by pages and prefix': async (t, open) => {
    const { log } = open;
    const names = ['p.A', 'p.a', 'p.a-b', 'p.a.b', 'p.a:b', 'p.aXb', 'p.a_b', 'p.b', 'p_a'];
    for (const name of [...names].reverse()) await log.createTopic(keyOf(name), null);
    const list = async (prefix: string, after = '', limit = 100): Promise<string[]> =>
      (await log.listTopics(TENANT, { prefix, after, limit })).map((topic) =>
        topicNameOf(topic.key),
      );
    const inOrder = names.filter((name) => name.startsWith('p.')).sort();
    t.same(await list('p.'), inOrder);
    t.same(await list('p.a_'), ['p.a_b'], 'an underscore is no wildcard');
    t.same(await list('p_'), ['p_a']);
    t.same(await list('%'), []);
    t.same(await list('p.%'), []);
    t.same(await list('é'), []);
    t.same(await list('\0'), []);
    t.same(await list('p.', 'zzz\u{10FFFF}'), []);
    const paged: string[] = [];
    for (let after = ''; ; ) {
      const page = await list('p.', after, 2);
      paged.push(...page);
      after = page.at(-1) ?? '';
      if (page.length < 2) break;
    }
    t.same(paged, inOrder);
    t.same(await list('p.', 'p.a-b', 1), ['p.a.b']);
  },

  'have a limit per tenant': async (t, open, factory) => {
    const { log } = open;
    const { topics } = await log.totals(TENANT);
    const limited = await factory({ topicsPerTenantMax: topics + 1 });
    t.teardown(() => limited.log.close());
    const room = limited.log.mode === 'memory' ? topics + 1 : 1;
    for (let n = 0; n < room; n++) await limited.log.createTopic(keyOf(`limit.${n}`), null);
    await t.rejects(limited.log.createTopic(keyOf('limit.more'), null), { code: 'topic_limit' });
    t.equal((await limited.log.createTopic(keyOf('limit.0'), null)).created, false);
  },

  'made again under an old name have another id and none of the old messages': async (t, open) => {
    const { log } = open;
    const old = await newTopic(log);
    await put(open, new TestAppend(old.id, { payload: text('old'), dedupeKey: 'k' }));
    const epoch = log.epochOf(old.id);
    await log.deleteTopic(old.key);
    await t.rejects(log.read(rangeOf(old.id)), RequestError);
    await t.rejects(log.sequenceAt(old.id, 0), RequestError);
    const { topic, created } = await log.createTopic(old.key, null);
    t.equal(created, true);
    t.not(topic.id, old.id);
    t.match(topic, { lastSequence: 0, firstSequence: 1, lastPublishedAtMs: 0 });
    t.not(log.epochOf(topic.id), epoch);
    t.match(log.epochOf(topic.id), /^[0-9a-z]{1,32}$/);
    t.same((await log.read(rangeOf(topic.id))).rows, []);
    const [late] = await put(open, new TestAppend(old.id, { payload: text('late') }));
    t.match(late, { kind: 'failed', code: 'topic_not_found' });
    const again = new TestAppend(topic.id, { payload: text('new'), dedupeKey: 'k' });
    t.match((await put(open, again))[0], { kind: 'committed', sequence: 1 });
  },

  'count in the totals of their tenant alone': async (t, open) => {
    const { log } = open;
    const before = await log.totals(TENANT);
    const topic = await newTopic(log);
    await put(open, ...['1', '2'].map((n) => new TestAppend(topic.id, { payload: text(n) })));
    const after = await log.totals(TENANT);
    t.equal(after.topics, before.topics + 1);
    t.equal(after.messages, before.messages + 2);
    t.ok(after.bytes > before.bytes, 'of payloads');
    t.same(await log.totals(NOBODY.tenant), {
      topics: 0,
      messages: 0,
      bytes: 0,
      deferred: 0,
      deadLetters: 0,
      deadLettersEvicted: 0,
    });
    t.same(await log.listTopics(NOBODY.tenant, { prefix: '', after: '', limit: 10 }), []);
    const key = NOBODY.keyOf(topicNameOf(topic.key));
    t.equal(await log.findTopic(key), null);
    t.equal(await log.deleteTopic(key), null);
  },
};
