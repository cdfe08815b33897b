// Goal: both ends of a call are held to its row of the table by the compiler, so that neither can drift; and
// what a call carries comes out as it went in, its bytes beside its JSON. Where `@ts-expect-error` finds
// nothing to expect, this file does not compile.
import t from 'tap';
import { ANYONE } from '../../../src/core/principal.js';
import {
  packAnswer,
  readAnswer,
  readArgs,
  unpackAnswer,
  writeAnswer,
  writeArgs,
} from '../../../src/thread/call-text.js';
import {
  answerCall,
  type BrowseCall,
  CALLS,
  type CallArgs,
  type CallHandlers,
  callNamed,
  isBrowseCall,
  type OwnersCall,
  type WorkerCall,
} from '../../../src/thread/calls.js';

const key = ANYONE.keyOf('orders');

type Jobs = CallHandlers<Extract<WorkerCall, `job.${string}`>>;
const PART = { state: 'running', done: 1, total: 2, failed: 0 } as const;
const jobs: Jobs = {
  'job.get': async ({ job }) => ({ part: job === 'known' ? PART : null }),
  'job.cancel': async () => ({ part: null }),
  'job.give-up': async () => ({}),
};

t.test('a call is answered by the handler of its row', async (t) => {
  const { tenant } = ANYONE;
  const ask = { method: 'job.get', args: { tenant, job: 'known' } } as const;
  t.same(await answerCall(jobs, ask), { part: PART });
  t.equal(isBrowseCall(callNamed('topic.get')), true);
  t.equal(isBrowseCall(callNamed('topic.create')), false);
  t.equal(CALLS['topic.create'].by, 'log');
  for (const name of ['topic.none', 'toString', ''])
    t.throws(() => callNamed(name), /no such call/);
});

t.test('what does not fit its row does not compile', (t) => {
  const { tenant } = ANYONE;
  const wrong = [
    // @ts-expect-error A topic's bare name opens nothing.
    (): CallArgs<'topic.get'> => ({ key: 'orders' }),
    // @ts-expect-error Nor does a tenant's name as it came from outside.
    (): CallArgs<'log.totals'> => ({ tenant: 'default' }),
    // @ts-expect-error An argument is missing.
    (): CallArgs<'topic.create'> => ({ key }),
    // @ts-expect-error Nothing is asked for.
    (): CallArgs<'health'> => ({ tenant }),
    // @ts-expect-error It is asked of every worker: no topic says which.
    (): OwnersCall<WorkerCall> => 'topics.counts',
    // @ts-expect-error There is no such argument.
    (): CallArgs<'job.get'> => ({ tenant, job: 'known', force: 'yes' }),
    // @ts-expect-error A pool is not asked what a worker answers.
    (): BrowseCall => 'topic.create',
    // @ts-expect-error There is no such method.
    (): WorkerCall => 'topic.rename',
  ];
  const { 'job.get': get, 'job.cancel': cancel, 'job.give-up': giveUp } = jobs;
  const nothing = async () => ({ found: null });
  const handlers = [
    // @ts-expect-error A method has no handler.
    (): Jobs => ({ 'job.get': get, 'job.cancel': cancel }),
    // @ts-expect-error A handler has no method.
    (): Jobs => ({ 'job.get': get, 'job.cancel': cancel, 'job.give-up': giveUp, 'job.list': get }),
    // @ts-expect-error A handler answers something else.
    (): Jobs => ({ ...jobs, 'job.get': nothing }),
  ];
  t.equal(wrong.length + handlers.length, 11);
  t.end();
});

t.test('arguments and answers come out as they went in', (t) => {
  const args = { key, from: { timeMs: 5 }, limit: 7, order: 'desc', filter: 'key' } as const;
  t.same(readArgs<'topic.messages'>(writeArgs<'topic.messages'>(args)), args);
  const counts = { counts: [0, 3] };
  t.same(readAnswer<'topics.counts'>(writeAnswer(counts)), counts);
  const bodies = ['', '{"payload":"ä\u0000"}'].map((text) => new Uint8Array(Buffer.from(text)));
  for (const body of bodies) {
    const texts = { ids: [1], ends: [body.length], more: false, body };
    const read = readAnswer<'dead-letters.list'>(unpackAnswer(packAnswer(writeAnswer(texts))));
    t.same({ ...read, body: Buffer.from(read.body) }, { ...texts, body: Buffer.from(body) });
    t.same(Buffer.from(readAnswer<'message.trace'>(writeAnswer({ body })).body), Buffer.from(body));
  }
  t.end();
});
