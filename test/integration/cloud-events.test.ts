// Goal: what the CloudEvents SDK sends, in each mode, comes out as the same event to whoever subscribes by
// WebSocket (cloudevents.json) or to a stream of events; the same event twice is one message; what is none is
// refused by its name. One node in memory, black box.

import * as sdk from 'cloudevents';
import { type CloudEvent, HTTP, type Message } from 'cloudevents';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { EventStream } from '../support/clients/event-stream.js';
import { request } from '../support/clients/publisher.js';
import { ask, postJson, publish } from '../support/nodes/node-pair.js';

const node = await startNode({ WORKERS: '1' });
t.teardown(() => node.kill9());
const URL_OF = (topic: string): string => `${node.url}/api/topics/${topic}/events`;
const made = (fields: object): CloudEvent<unknown> =>
  new sdk.CloudEvent({ source: '/shop', type: 'order.made', ...fields });

/** What the SDK makes of an event, sent. */
const send = async (topic: string, message: Message) => {
  const headers = Object.fromEntries(Object.entries(message.headers)) as Record<string, string>;
  const { body } = message;
  const sent =
    Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body ?? '');
  return request(URL_OF(topic), { method: 'POST', headers, body: sent as string });
};

/** A WebSocket of CloudEvents, with what came. */
const open = async (topic: string, more: object = {}) => {
  const socket = new WebSocket(`${node.wsUrl}/ws`, 'cloudevents.json');
  const events: CloudEvent<unknown>[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    t.notOk(isBinary);
    const event = new sdk.CloudEvent(JSON.parse(data.toString()) as object);
    t.ok(event.validate());
    events.push(event);
  });
  await new Promise((resolve) => socket.once('open', resolve));
  t.equal(socket.protocol, 'cloudevents.json');
  socket.send(JSON.stringify({ type: 'subscribe', topic, ref: 1, ...more }));
  await eventually(() => events.some(({ type }) => type === 'conduit.subscribed'));
  return { socket, events, of: (type: string) => events.filter((one) => one.type === type) };
};

t.test('each mode of the SDK, out again by WebSocket and as a stream', async (t) => {
  await postJson(node, '/api/topics', { name: 'ce.all' });
  const session = await open('ce.all');
  const byQuery = await EventStream.open(`${URL_OF('ce.all')}?format=cloudevents`);
  const all = [
    made({ id: '1', data: { n: 1 }, subject: 'an order', datacontenttype: 'application/json' }),
    made({ id: '2', data: 'text', datacontenttype: 'text/plain', partitionkey: 'k' }),
    made({ id: '3', data: Buffer.from([0, 1, 255]), datacontenttype: 'application/octet-stream' }),
  ];
  for (const event of all) {
    const answer = await send('ce.all', HTTP.binary(event));
    t.match(answer, { status: 200, body: { topic: 'ce.all' } }, JSON.stringify(answer.body));
    const again = await send('ce.all', HTTP.structured(event));
    t.match(again, { status: 200, body: { duplicate: true } }, 'the same event: its first result');
  }
  const single = made({ id: '4', data: [1, null, 'x'] });
  t.equal((await send('ce.all', HTTP.structured(single))).status, 200);
  await eventually(() => session.of('order.made').length === 4);
  for (const [n, sent] of [...all, single].entries()) {
    const came = session.of('order.made')[n] as CloudEvent<unknown>;
    t.equal(came['conduitsequence'], String(n + 1));
    for (const name of ['id', 'source', 'type', 'subject', 'time', 'data', 'partitionkey']) {
      if (sent[name] !== undefined) t.same(came[name], sent[name], `${n} ${name}`);
    }
  }
  await eventually(() => byQuery.of('message').length === 4);
  const streamed = byQuery.of('message').map(({ data }) => data as { id: string; data?: unknown });
  t.same(
    streamed.map(({ id }) => id),
    ['1', '2', '3', '4'],
  );
  t.match(streamed[2], { data_base64: 'AAH/' });
  byQuery.close();
  session.socket.close();
});

t.test('a list, of which some are none', async (t) => {
  await postJson(node, '/api/topics', { name: 'ce.list' });
  const good = made({ id: 'a', data: 1 }).toJSON();
  const events = [good, { ...made({ id: 'b' }).toJSON(), specversion: '0.3' }, good];
  const headers = { 'content-type': 'application/cloudevents-batch+json; charset=utf-8' };
  const body = JSON.stringify(events);
  const answer = await request(URL_OF('ce.list'), { method: 'POST', headers, body });
  t.match(answer, {
    status: 200,
    body: { results: [{ sequence: 1 }, { error: { code: 'invalid_field' } }, { duplicate: true }] },
  });
});

t.test('plain messages, verdicts and errors in the form of events', async (t) => {
  await postJson(node, '/api/topics', { name: 'ce.plain' });
  const session = await open('ce.plain', { subscription: 's', ack_wait_ms: 60_000 });
  await publish(node, {
    topic: 'ce.plain',
    payload: { a: 1.5 },
    key: 'k',
    headers: { trace: 'x' },
  });
  await eventually(() => session.of('conduit.message').length === 1);
  const [message] = session.of('conduit.message');
  t.match(message, {
    ...{ source: '/api/topics/ce.plain', data: { a: 1.5 }, partitionkey: 'k', trace: 'x' },
    ...{ conduitsequence: '1', conduitattempt: 1, conduitsubscription: 's' },
  });
  const { socket } = session;
  socket.send(JSON.stringify({ type: 'ack', topic: 'ce.plain', sequence: 1, ref: 2 }));
  await eventually(() => session.of('conduit.acked').length === 1);
  socket.send(JSON.stringify({ type: 'publish', topic: 'ce.plain', payload: 2, ref: 3 }));
  await eventually(() => session.of('conduit.published').length === 1);
  t.match(session.of('conduit.published')[0]?.data, { type: 'published', ref: 3, sequence: 2 });
  socket.send(JSON.stringify({ type: 'nonsense' }));
  await eventually(() => session.of('conduit.error').length === 1);
  t.match((await ask(node, '/api/subscriptions/ce.plain/s')).body, { ack_floor: 1 });
  // More than a group would hold of one page, to a subscription without a name.
  const other = await open('ce.plain', { start: { from: 'earliest' }, ack: 'none' });
  const messages = Array.from({ length: 300 }, (_, n) => ({ topic: 'ce.plain', payload: n }));
  await postJson(node, '/api/publish/batch', { messages });
  await eventually(() => other.of('conduit.message').length === 302);
  const sequences = other.of('conduit.message').map((one) => Number(one['conduitsequence']));
  t.same(
    sequences,
    Array.from({ length: 302 }, (_, n) => n + 1),
  );
  for (const { socket } of [session, other]) socket.close();
});

t.test('Accept asks for events, too', async (t) => {
  await postJson(node, '/api/topics', { name: 'ce.accept' });
  await publish(node, { topic: 'ce.accept', payload: 'two\nlines' });
  const accept = 'text/event-stream, application/cloudevents+json';
  const answer = await fetch(`${URL_OF('ce.accept')}?from=earliest`, { headers: { accept } });
  t.equal(answer.headers.get('content-type'), 'text/event-stream');
  const reader = answer.body?.getReader();
  let text = '';
  while (!text.includes('conduit.message')) {
    text += Buffer.from((await reader?.read())?.value ?? []).toString();
  }
  await reader?.cancel();
  t.match(text, /event: message\ndata: \{"specversion":"1\.0",/);
  const unknown = await ask(node, '/api/topics/ce.accept/events?format=xml');
  t.match(unknown, { status: 400, body: { code: 'invalid_query', field: 'format' } });
});

t.test('what is none is refused by its name', async (t) => {
  await postJson(node, '/api/topics', { name: 'ce.bad' });
  const json = { 'content-type': 'application/json' };
  const event = { 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't', 'ce-specversion': '1.0' };
  const structured = { 'content-type': 'application/cloudevents+json' };
  const cases: [Record<string, string>, string, number, object][] = [
    [json, '{}', 400, { code: 'invalid_field', field: 'ce-specversion' }],
    [{ ...json, ...event, 'ce-specversion': '2.0' }, '1', 400, { field: 'ce-specversion' }],
    [{ ...json, ...event, 'ce-x-y': '1' }, '1', 400, { field: 'ce-x-y' }],
    [{ ...json, ...event, 'ce-x': '%C3' }, '1', 400, { field: 'ce-x' }],
    [{ ...json, ...event, 'content-encoding': 'gzip' }, '1', 415, { code: 'unsupported_encoding' }],
    [{ ...json, ...event }, '{', 400, { code: 'invalid_json' }],
    [structured, '{"id":"1"}', 400, { code: 'invalid_field', field: 'source' }],
    [structured, '[]', 400, { code: 'body_must_be_object' }],
    [{ 'content-type': 'application/cloudevents+xml' }, '<x/>', 415, {}],
    [{ 'content-type': 'application/cloudevents-batch+json' }, '{}', 400, { field: 'events' }],
  ];
  for (const [headers, body, status, problem] of cases) {
    const answer = await request(URL_OF('ce.bad'), { method: 'POST', headers, body });
    t.match(answer, { status, body: problem }, JSON.stringify([headers, answer.body]));
  }
  const missing = await request(URL_OF('ce.none'), { method: 'POST', headers: event, body: '1' });
  t.match(missing, { status: 404, body: { code: 'topic_not_found' } });
  const { body } = await ask(node, '/api/topics/ce.bad');
  t.equal(body['message_count'], 0);
});
