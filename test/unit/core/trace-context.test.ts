// Goal: what is a trace context and what is none, and that it fits into headers without harm to them.
import t from 'tap';
import {
  contextOf,
  isSampled,
  traceContext,
  withContext,
  withoutContext,
} from '../../../src/core/trace-context.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;
const LIMITS = { headerBytesMax: 4096, headerPairsMax: 32 };

t.test('a traceparent', async (t) => {
  const good = [PARENT, PARENT.replace(/01$/, '00'), `${PARENT.replace(/^00/, 'cc')}-more`];
  for (const one of good) t.match(traceContext(one, ''), { traceparent: one, tracestate: null });
  const bad = {
    nothing: '',
    'version 00 with a dash': `${PARENT}-`,
    'upper case': PARENT.toUpperCase(),
    'version ff': PARENT.replace(/^00/, 'ff'),
    'no trace': `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    'no parent': `00-${TRACE}-${'0'.repeat(16)}-01`,
    'one digit less': PARENT.slice(0, -1),
    'version 00 with more': `${PARENT}-more`,
    'a later version that is too long': `${PARENT.replace(/^00/, 'cc')}-${'x'.repeat(200)}`,
    'a line break': `${PARENT}\n`,
  };
  for (const [what, one] of Object.entries(bad)) t.equal(traceContext(one, 'a=1'), null, what);
  t.ok(isSampled({ traceparent: PARENT, tracestate: null }));
  t.notOk(isSampled({ traceparent: PARENT.replace(/01$/, '00'), tracestate: null }));
  t.ok(isSampled({ traceparent: PARENT.replace(/01$/, '03'), tracestate: null }));
});

t.test('a tracestate that is not valid, or too long, is dropped alone', async (t) => {
  const state = (text: string) => traceContext(PARENT, text)?.tracestate;
  for (const one of ['a=1', 'a=1,b=2', 'fw529a3039@dt=FfAb, x=y', `a=${'x'.repeat(510)}`]) {
    t.equal(state(one), one);
  }
  for (const one of ['', 'no state', 'a=ü', 'a=1\r\nb: 2', `a=${'x'.repeat(511)}`, '=1']) {
    t.equal(state(one), null, one);
  }
});

t.test(
  'headers take one in, keep their own, and stay as they are where there is no room',
  async (t) => {
    const context = { traceparent: PARENT, tracestate: 'a=1' };
    t.same(JSON.parse(withContext(null, context, LIMITS) ?? ''), context);
    const more = withContext('{"x":"1","__proto__":"2"}', context, LIMITS);
    t.equal(more, `{"x":"1","__proto__":"2","traceparent":"${PARENT}","tracestate":"a=1"}`);
    t.same(contextOf(more), context);
    const own = `{"traceparent":"${PARENT.replace('4bf', '5bf')}"}`;
    t.equal(withContext(own, context, LIMITS), own);
    const event = `{"ce-traceparent":"${PARENT.replace('4bf', '5bf')}"}`;
    t.equal(withContext(event, context, LIMITS), event);
    t.match(contextOf(event), { traceparent: PARENT.replace('4bf', '5bf') });
    const invalid = withContext('{"traceparent":"x","tracestate":"b=1","y":"1"}', context, LIMITS);
    t.equal(invalid, `{"y":"1","traceparent":"${PARENT}","tracestate":"a=1"}`);
    const full = '{"x":"1"}';
    t.equal(withContext(full, context, { ...LIMITS, headerPairsMax: 1 }), full);
    t.equal(withContext(full, context, { ...LIMITS, headerBytesMax: 80 }), full);
    const short = withContext(full, context, { ...LIMITS, headerBytesMax: 95 });
    t.equal(short, `{"x":"1","traceparent":"${PARENT}"}`, 'without its state');
  },
);

t.test('headers without what tells of a trace', async (t) => {
  t.equal(withoutContext(null), null);
  t.equal(withoutContext('{"x": "1"}'), '{"x": "1"}', 'as they are');
  t.equal(withoutContext(`{"traceparent":"${PARENT}"}`), null);
  const all = { traceparent: 'a', tracestate: 'b', 'ce-traceparent': 'c', 'ce-tracestate': 'd' };
  t.equal(withoutContext(JSON.stringify({ x: '1', ...all })), '{"x":"1"}');
  t.equal(withoutContext('{"tracestate":"a"}'), null);
});
