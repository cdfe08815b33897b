// Goal: server-sent events carry the same stream and never lose their place: whatever a browser comes
// back with, EventSource goes on, and is told of what it missed. Streams count as sessions do.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { EventStream } from '../support/clients/event-stream.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const node = await startNode({ PING_INTERVAL_S: '1' });
t.teardown(() => node.kill9());
const JSON_TYPE = { 'content-type': 'application/json' };

async function publish(body: string, at = node): Promise<void> {
  const answer = await request(`${at.url}/api/publish`, {
    method: 'POST',
    headers: JSON_TYPE,
    body,
  });
  t.equal(answer.status, 200);
}

/** A topic with messages 1 to `count`. */
async function makeTopic(name: string, count: number, at = node): Promise<string> {
  const body = JSON.stringify({ name });
  await request(`${at.url}/api/topics`, { method: 'POST', headers: JSON_TYPE, body });
  for (let n = 1; n <= count; n++) await publish(JSON.stringify({ topic: name, payload: n }), at);
  return `${at.url}/api/topics/${name}/events`;
}

async function sessionsOf(at: TestNode): Promise<unknown[]> {
  const { body } = await request(`${at.url}/api/stats`, {});
  return [body['sessions'], body['streams']];
}

t.test('events come in order and resume after the last one that was seen', async (t) => {
  const url = await makeTopic('sse', 0);
  const first = await EventStream.open(url);
  t.equal(first.response.headers['content-type'], 'text/event-stream');
  t.equal(first.response.headers['x-accel-buffering'], 'no');
  t.equal(first.response.headers['cache-control'], 'no-transform, no-store');
  for (let n = 1; n <= 3; n++) await publish(`{"topic":"sse","payload":{"n":${n}}}`);
  await publish('{"topic":"sse","payload":{\n"two":\r\n"lines"}}');
  await eventually(() => first.events.length === 4);
  t.same(first.sequences(), [1, 2, 3, 4]);
  t.match(first.events[3]?.data['payload'], { two: 'lines' });
  t.equal(first.retryMs, 2_000);
  first.close();
  const resumed = await EventStream.open(url, first.events[1]?.id ?? '');
  await eventually(() => resumed.of('message').length === 2);
  await publish('{"topic":"sse","payload":5}');
  await eventually(() => resumed.of('message').length === 3);
  t.same(resumed.sequences(), [3, 4, 5]);
  t.same(resumed.of('gap'), []);
  await eventually(() => resumed.comments >= 3);
  t.equal((await request(`${node.url}/api/topics/sse`, { method: 'DELETE' })).status, 204);
  await eventually(() => resumed.ended === 'whole');
  t.match(resumed.events.at(-1), { event: 'unsubscribed', data: { reason: 'topic_deleted' } });
});

t.test('who is cut off before the first event still knows where to go on', async (t) => {
  const url = await makeTopic('early', 3);
  const first = await EventStream.open(url);
  await eventually(() => first.lastEventId !== '');
  first.close();
  for (const n of [4, 5]) await publish(`{"topic":"early","payload":${n}}`);
  const again = await EventStream.open(url, first.lastEventId);
  await eventually(() => again.of('message').length === 2);
  t.same(again.sequences(), [4, 5]);
  again.close();
});

t.test('a browser says in the URL where to begin; Last-Event-ID wins', async (t) => {
  const url = await makeTopic('where', 5);
  const all = await EventStream.open(`${url}?from=earliest`);
  await eventually(() => all.of('message').length === 5);
  const [epoch = ''] = (all.events[0]?.id ?? '').split(':');
  const cases: readonly [query: string, lastEventId: string, first: number][] = [
    ['?sequence=4', '', 4],
    [`?sequence=2&epoch=${epoch}`, '', 2],
    ['?sequence=0', '', 1],
    ['?sequence=6', '', 6],
    ['?from=sequence&sequence=3', '', 3],
    ['?time=2026-01-01T00:00:00Z', '', 1],
    ['?from=latest', '', 6],
    ['', '', 6],
    ['?from=earliest', `${epoch}:3`, 4],
    ['?sequence=2', `${epoch}:4`, 5],
  ];
  const streams: EventStream[] = [];
  for (const [query, id] of cases) streams.push(await EventStream.open(url + query, id));
  for (const stream of streams) await eventually(() => stream.lastEventId !== '');
  await publish('{"topic":"where","payload":6}');
  for (const [at, [query, id, first]] of cases.entries()) {
    await eventually(() => streams[at]?.sequences().at(-1) === 6);
    const expected = Array.from({ length: 7 - first }, (_, n) => first + n);
    t.same(streams[at]?.sequences(), expected, `${query} ${id}`);
    t.same(streams[at]?.of('gap'), []);
    streams[at]?.close();
  }
  all.close();
});

t.test('a place that is not there is told as a gap, and the stream goes on', async (t) => {
  const url = await makeTopic('gaps', 3);
  const probe = await EventStream.open(url);
  await eventually(() => probe.lastEventId !== '');
  const [epoch = ''] = probe.lastEventId.split(':');
  probe.close();
  // Each case publishes one message: `head` is the last before it.
  const unknown = (head: number) => ({ from: 1, to: head, reason: 'unknown_position' });
  const ahead = (to: number) => (head: number) => ({ from: head + 1, to, reason: 'ahead' });
  const recreated = () => ({ reason: 'topic_recreated' });
  const cases: readonly [query: string, lastEventId: string, gap: (head: number) => object][] = [
    ['', `${epoch}:4`, ahead(4)],
    ['', `${epoch}:99`, ahead(99)],
    ['', `${epoch}:9007199254740990`, ahead(9007199254740990)],
    [`?sequence=80&epoch=${epoch}`, '', ahead(79)],
    ['?sequence=80', '', ahead(79)],
    ['', 'x', unknown],
    ['', '41', unknown],
    ['', `${epoch}:`, unknown],
    ['', `${epoch}:9007199254740991`, unknown],
    ['', `${epoch}:99999999999999999999`, unknown],
    ['', `${'a'.repeat(33)}:1`, unknown],
    ['?from=earliest', 'of another service', unknown],
    ['', 'zzz:2', recreated],
    ['?sequence=2&epoch=zzz', '', recreated],
  ];
  for (const [at, [query, id, gap]] of cases.entries()) {
    const head = 3 + at;
    const stream = await EventStream.open(url + query, id);
    t.equal(stream.status, 200, `${query} ${id}`);
    await eventually(() => stream.of('gap').length === 1);
    const data = { type: 'gap', topic: 'gaps', ...gap(head) };
    t.match(stream.events[0], { event: 'gap', data });
    const place = stream.lastEventId;
    t.match(place, new RegExp(`^${epoch}:\\d+$`), 'the next time it knows its place');
    await publish(`{"topic":"gaps","payload":${at}}`);
    await eventually(() => stream.sequences().at(-1) === head + 1);
    stream.close();
    const again = await EventStream.open(url, place);
    await eventually(() => again.sequences().at(-1) === head + 1);
    t.same(again.of('gap'), []);
    again.close();
  }
});

t.test('of an empty topic nothing was missed, wherever one says to have been', async (t) => {
  const url = await makeTopic('gaps.empty', 0);
  const stream = await EventStream.open(url, 'of another service');
  await eventually(() => stream.lastEventId !== '');
  await publish('{"topic":"gaps.empty","payload":1}');
  await eventually(() => stream.sequences().length === 1);
  t.same(stream.of('gap'), []);
  stream.close();
});

t.test('what is wrong in the URL is 400 and named, a missing topic 404', async (t) => {
  const url = await makeTopic('strict', 1);
  const cases: readonly [query: string, code: string, field: string][] = [
    ['?form=earliest', 'invalid_query', 'form'],
    ['?last-event-id=x', 'invalid_query', 'last-event-id'],
    ['?from=first', 'invalid_query', 'from'],
    ['?from=', 'invalid_query', 'from'],
    ['?from=latest&from=earliest', 'invalid_query', 'from'],
    ['?sequence=-1', 'invalid_query', 'sequence'],
    ['?sequence=1.5', 'invalid_query', 'sequence'],
    ['?sequence=9007199254740993', 'invalid_query', 'sequence'],
    ['?sequence=1&from=earliest', 'invalid_query', 'sequence'],
    ['?time=soon', 'invalid_query', 'time'],
    ['?sequence=1&time=2026-01-01T00:00:00Z', 'invalid_query', 'time'],
    ['?epoch=abc', 'invalid_query', 'epoch'],
    ['?sequence=1&epoch=ABC', 'invalid_query', 'epoch'],
  ];
  for (const [query, code, field] of cases) {
    const answer = await request(url + query, {});
    t.match(answer, { status: 400, body: { code, field } }, query);
  }
  const headers = { 'last-event-id': 'x' };
  t.equal((await request(`${url}?form=1`, { headers })).status, 400);
  for (const more of [{}, { headers }]) {
    const answer = await request(`${node.url}/api/topics/none/events`, more);
    t.match(answer, { status: 404, body: { code: 'topic_not_found', field: 'topic' } });
  }
});

t.test('streams and sessions of all acceptors share SESSIONS_MAX, and are counted', async (t) => {
  const small = await startNode({ SESSIONS_MAX: '5', ACCEPTORS: '2' });
  t.teardown(() => small.kill9());
  const url = await makeTopic('few', 1, small);
  const streams: EventStream[] = [];
  for (let n = 0; n < 3; n++) streams.push(await EventStream.open(url));
  const sessions = [await Subscriber.open(small.wsUrl), await Subscriber.open(small.wsUrl, 'json')];
  await eventually(async () => `${await sessionsOf(small)}` === '5,3');
  const refused = await EventStream.open(url);
  t.match(refused.response, {
    statusCode: 503,
    headers: { 'content-type': 'application/problem+json', 'retry-after': /^[1-9]/ },
  });
  await eventually(() => refused.ended === 'whole');
  await t.rejects(Subscriber.open(small.wsUrl), /503/);
  // Another status would end its EventSource for good.
  const back = await EventStream.open(url, streams[0]?.lastEventId ?? '');
  await eventually(() => back.ended === 'whole');
  t.match(back.events, [{ event: 'disconnect', data: { code: 1013, reason: 'session_limit' } }]);
  t.ok(back.retryMs >= 2_000);
  streams[0]?.close();
  await eventually(async () => (await sessionsOf(small))[0] === 4);
  // What is refused, is not there or is a HEAD takes no place, and leaves none taken.
  for (let n = 0; n < 20; n++) {
    await request(`${small.url}/api/topics/none/events`, {});
    await request(url, { method: 'HEAD' });
    await request(`${url}?from=x`, {});
  }
  const fifth = await EventStream.open(url);
  t.equal(fifth.status, 200);
  t.same(await sessionsOf(small), [5, 3]);
  for (const session of sessions) session.close();
  for (const stream of streams) stream.close();
  await eventually(async () => `${await sessionsOf(small)}` === '1,1');
  t.equal(await small.stop(), 0);
  await eventually(() => fifth.ended === 'whole');
  t.match(fifth.events.at(-1), {
    event: 'disconnect',
    data: { type: 'disconnect', code: 1012, reconnect: true, retry_after_ms: fifth.retryMs },
  });
  t.ok(fifth.retryMs >= 2_000);
});
