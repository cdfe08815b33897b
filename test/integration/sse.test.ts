// Goal: server-sent events carry the same stream, and resume by Last-Event-ID.
import http from 'node:http';
import t from 'tap';
import { eventually } from '../support/eventually.js';
import { startNode } from '../support/node.js';
import { request } from '../support/publisher.js';

const node = await startNode();
t.teardown(() => node.kill9());
const JSON_TYPE = { 'content-type': 'application/json' };
const publish = (body: string) =>
  request(`${node.url}/api/publish`, { method: 'POST', headers: JSON_TYPE, body });

interface Stream {
  text: () => string;
  events: () => { id: string; event: string; data: Record<string, unknown> }[];
  close: () => void;
  ended: () => boolean;
}

function open(path: string, headers: Record<string, string> = {}): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const call = http.get(`${node.url}${path}`, { headers, agent: false }, (response) => {
      let text = '';
      let ended = false;
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
      });
      response.on('end', () => {
        ended = true;
      });
      response.on('error', () => {
        ended = true;
      });
      const events = () =>
        text
          .split('\n\n')
          .filter((block) => /^(id|event|data):/m.test(block) && block.includes('data: '))
          .map((block) => ({
            id: /^id: (.*)$/m.exec(block)?.[1] ?? '',
            event: /^event: (.*)$/m.exec(block)?.[1] ?? '',
            data: JSON.parse([...block.matchAll(/^data: (.*)$/gm)].map((m) => m[1]).join('\n')),
          }));
      resolve({ text: () => text, events, close: () => call.destroy(), ended: () => ended });
    });
    call.on('error', reject);
  });
}

t.test('events come in order and resume after the last one that was seen', async (t) => {
  await request(`${node.url}/api/topics`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: '{"name":"sse"}',
  });
  const first = await open('/api/topics/sse/events');
  await eventually(() => first.text().includes('retry:'));
  for (let n = 1; n <= 3; n++) await publish(`{"topic":"sse","payload":{"n":${n}}}`);
  await publish('{"topic":"sse","payload":{\n"two":\r\n"lines"}}');
  await eventually(() => first.events().length === 4);
  const events = first.events();
  t.same(
    events.map((event) => event.data['sequence']),
    [1, 2, 3, 4],
  );
  t.equal(events[0]?.event, 'message');
  t.match(events[3]?.data['payload'], { two: 'lines' });
  first.close();
  const resumed = await open('/api/topics/sse/events', { 'last-event-id': events[1]?.id ?? '' });
  await eventually(
    () => resumed.events().filter((event) => event.event === 'message').length === 2,
  );
  const again = resumed.events().filter((event) => event.event === 'message');
  t.same(
    again.map((event) => event.data['sequence']),
    [3, 4],
  );
  await publish('{"topic":"sse","payload":5}');
  await eventually(
    () => resumed.events().filter((event) => event.event === 'message').length === 3,
  );
  t.equal((await request(`${node.url}/api/topics/sse`, { method: 'DELETE' })).status, 204);
  await eventually(() => resumed.ended());
});

t.test('a missing topic is 404, a bad Last-Event-ID 400', async (t) => {
  t.equal((await request(`${node.url}/api/topics/none/events`, {})).status, 404);
  const bad = await request(`${node.url}/api/topics/none/events`, {
    headers: { 'last-event-id': 'x' },
  });
  t.equal(bad.status, 400);
  t.equal(bad.body['code'], 'bad_cursor');
});
