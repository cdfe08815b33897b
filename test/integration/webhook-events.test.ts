// Goal: a webhook of `format` cloudevents is sent CloudEvents in structured mode, signed as they are, which
// the SDK takes: what was published as an event is that event again, any other message is one of its own.
// What is put without a format is sent the payload.
import * as sdk from 'cloudevents';
import { HTTP } from 'cloudevents';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { ask, postJson, publish } from '../support/nodes/node-pair.js';
import {
  type HookRequest,
  signatureFault,
  startWebhookServer,
} from '../support/servers/webhook-server.js';

const node = await startNode({ WEBHOOK_ALLOW: '127.0.0.1' });
t.teardown(() => node.kill9());
const TOPIC = 'w.events';
const WEBHOOK = `/api/subscriptions/${TOPIC}/hook/webhook`;

const put = (body: object) =>
  request(`${node.url}${WEBHOOK}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** As the SDK reads it; one that is no event throws. */
const eventOf = ({ headers, body }: HookRequest): sdk.CloudEventV1<unknown> => {
  const event = HTTP.toEvent<unknown>({ headers, body });
  if (Array.isArray(event)) throw new Error('more than one event');
  t.ok(new sdk.CloudEvent(event).validate());
  return event;
};

await postJson(node, '/api/topics', { name: TOPIC });
const server = await startWebhookServer(t);

t.test('messages are events that the SDK takes, and signed', async (t) => {
  const answer = await put({ url: server.url, format: 'cloudevents', concurrency: 1 });
  t.match(answer, { status: 200, body: { format: 'cloudevents' } });
  t.match((await ask(node, WEBHOOK)).body, { format: 'cloudevents' });
  const secret = String(answer.body['secret']);
  const message = { topic: TOPIC, payload: { n: 1.5, text: 'ä","payload":' }, key: 'k' };
  const { body: published } = await publish(node, message);
  const sent = new sdk.CloudEvent({
    ...{ id: 'e-7', source: '/shop', type: 'order.made', subject: 'an order' },
    ...{ datacontenttype: 'application/octet-stream', data: Buffer.from([0, 1, 255]) },
  });
  const { headers, body } = HTTP.binary(sent);
  const asEvent = await request(`${node.url}/api/topics/${TOPIC}/events`, {
    ...{ method: 'POST', headers: headers as Record<string, string>, body: body as string },
  });
  t.equal(asEvent.status, 200, JSON.stringify(asEvent.body));
  await eventually(() => server.requests.length === 2);
  for (const one of server.requests) {
    t.equal(one.headers['content-type'], 'application/cloudevents+json; charset=utf-8');
    t.equal(signatureFault(secret, one), null);
    t.equal(one.headers['conduit-topic'], TOPIC);
  }
  const [first, second] = server.requests.map(eventOf);
  t.match(first, {
    ...{ id: published['message_id'], type: 'conduit.message', source: `/api/topics/${TOPIC}` },
    ...{ data: message.payload, partitionkey: 'k', conduitsubscription: 'hook' },
    ...{ conduitsequence: '1', conduitattempt: 1 },
  });
  t.equal(server.requests[0]?.headers['webhook-id'], first?.id);
  t.match(second, { id: 'e-7', source: '/shop', type: 'order.made', subject: 'an order' });
  t.same(second?.data, Buffer.from([0, 1, 255]));
});

t.test('of those that are sent again the attempt is another, the event the same', async (t) => {
  let refused = 0;
  server.requests.length = 0;
  server.reply = () => ({ status: refused++ === 0 ? 500 : 204 });
  await publish(node, { topic: TOPIC, payload: 3 });
  await eventually(() => server.requests.length === 2);
  const [first, again] = server.requests.map(eventOf);
  t.equal(first?.id, again?.id);
  t.match([first, again], [{ conduitattempt: 1 }, { conduitattempt: 2 }]);
});

t.test('a format that is none is refused; without one it is the payload', async (t) => {
  t.match(await put({ url: server.url, format: 'xml' }), {
    ...{ status: 400, body: { code: 'invalid_field', field: 'format' } },
  });
  server.requests.length = 0;
  t.match((await put({ url: server.url })).body, { format: 'payload' });
  // The node that sends is told of the change once it is made.
  await eventually(async () => {
    await publish(node, { topic: TOPIC, payload: 4 });
    return server.requests.some(({ body }) => body === '4');
  });
  const last = server.requests.find(({ body }) => body === '4');
  t.equal(last?.headers['content-type'], 'application/json');
});
