// Goal: a worker of another node may ask what is about subscriptions that are coordinated here, and nothing
// else; whatever else it says is refused, and is no bug of this node.
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { packCall } from '../../../src/thread/ops/call.js';
import { PackReader } from '../../../src/thread/packing/pack-reader.js';
import { PackWriter } from '../../../src/thread/packing/pack-writer.js';
import { Operations, type OperationsOptions } from '../../../src/topic/operations.js';
import type { Outlet } from '../../../src/topic/state/outlet.js';
import { keyOf } from '../../support/tenants/tenants.js';

const ONE = { key: keyOf('t'), subscription: 's' };
const asked = (more: object): string => JSON.stringify({ ...ONE, ...more });

const CASES: [method: string, args: string, answer: string][] = [
  ['subscription.pause', asked({}), 'done'],
  ['subscription.resume', asked({}), 'done'],
  ['subscription.seek', asked({ start: { from: 'earliest' } }), 'done'],
  ['subscription.patch', asked({ ackWaitMs: 1, maxDeliver: null }), 'done'],
  ['subscription.live', '{"of":[{"topicId":1,"name":"s"}]}', 'done'],
  ['subscription.pause', '{}', 'bad_request'],
  ['subscription.pause', 'null', 'bad_request'],
  ['subscription.pause', '{"key":"no topic of a tenant","subscription":"s"}', 'bad_request'],
  ['subscription.seek', asked({ start: null }), 'bad_request'],
  ['subscription.seek', asked({ start: { from: 'sequence', sequence: -1 } }), 'bad_request'],
  ['subscription.patch', asked({ ackWaitMs: '1', maxDeliver: null }), 'bad_request'],
  ['subscription.live', '{"of":[null]}', 'bad_request'],
  [
    'subscription.live',
    '{"of":[{"topicId":1,"name":"s","at":{"bootId":"b","key":"t\\u0000n"}}]}',
    'bad_request',
  ],
  ['subscription.live', '{"of":{}}', 'bad_request'],
  ['subscription.delete', asked({}), 'bad_request'],
  ['subscription.pause', '{', 'bad_request'],
  ['subscription.list', '{}', 'bad_request'],
  ['subscription.unheard-of', '{}', 'bad_request'],
  ['topic.delete', '{}', 'bad_request'],
  ['unheard-of', '{}', 'bad_request'],
];

t.test('of calls, another node may ask for those about subscriptions', async (t) => {
  for (const [method, args, answer] of CASES) {
    const answers: string[] = [];
    const outlet = {
      kind: 'peer',
      failed: ({ code }: { code: string }) => answers.push(code),
      reply: ({ result }: { result: string }) => answers.push(result),
    };
    const operations = new Operations({
      calls: { run: async () => ({ result: 'done', body: new Uint8Array() }) },
      onBug: (error: unknown) => t.fail(String(error)),
    } as unknown as OperationsOptions);
    const writer = new PackWriter();
    packCall(writer, { request: 1, method, args });
    const reader = new PackReader(writer.take());
    operations.handle(outlet as unknown as Outlet, reader.u8(), reader);
    await turn();
    t.same(answers, [answer], `${method} ${args}`);
  }
});
