// Goal: what many look at is found out once: workers are asked no more often by twenty open pages than by
// one, however they come, and all are told the same.
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { StaticFiles } from '../../../../src/acceptor/http/static-files.js';
import type { Control } from '../../../../src/acceptor/routes/control.js';
import { SystemRoutes } from '../../../../src/acceptor/routes/system-routes.js';
import { systemTable } from '../../../../src/acceptor/routes/table/system.js';
import { Stream } from '../../../../src/acceptor/session/stream.js';
import { Watches, type WatchesOptions } from '../../../../src/acceptor/watch/watches.js';
import { systemClock } from '../../../../src/core/clock.js';
import { NO_STATS } from '../../../../src/core/worker-figures.js';
import { acceptorCounts, acceptorCountsMemory } from '../../../../src/thread/acceptor-counts.js';
import { writeAnswer } from '../../../../src/thread/call-text.js';
import { nodeMemory } from '../../../../src/thread/node-memory.js';
import { packReply } from '../../../../src/thread/ops/call.js';
import { processLoad } from '../../../../src/thread/process-load.js';
import { EventStream } from '../../../support/clients/event-stream.js';
import { controlRig } from '../../../support/nodes/control-rig.js';

const PAGES = 20;
const WORKERS = 2;
const MEMORY = nodeMemory({ acceptors: 1, workers: 1 });
const ANSWERS = {
  stats: NO_STATS,
  health: { log: { mode: 'memory', state: 'open' }, headsMs: null, vitals: null, backplane: null },
  'nodes.list': { records: [] },
  'subscription.flush-all': {},
  'subscription.list': { subscriptions: [] },
  'log.totals': {
    ...{ topics: 1, messages: 1, bytes: 1, deferred: 0, deadLetters: 0, deadLettersEvicted: 0 },
  },
} as const;

const guard = new Guard((where, stack) => t.fail(`${where}: ${stack}`));
const unasked = (): never => t.fail('nobody asks for it') as never;

/** Streams of this file's own server, without the sessions of an acceptor beside them. */
const streams: WatchesOptions['streams'] = {
  openPlain: (exchange, _req, { client, onEnd }) => {
    const stream: Stream = new Stream({
      ...{ exchange, client, guard, number: 1, address: '', form: 'message' },
      ...{ clock: systemClock, deliveries: unasked, onUnopened: () => onEnd(stream) },
    });
    exchange.onGone = () => {
      stream.state = 'closed';
      onEnd(stream);
    };
    return stream.start('') ? stream : null;
  },
};

function systemOf(control: Control): SystemRoutes {
  const node = { id: 'n', bootId: 'b', addr: 'h:1', forwardUrl: null, version: '0' };
  return new SystemRoutes({
    ...{ control, node, drainItself: unasked, lease: null, startedAtMs: 0, clock: systemClock },
    ...{ counts: acceptorCounts(acceptorCountsMemory(1), 0), durables: 'last asked' as const },
    ...{ load: () => processLoad(MEMORY), metrics: { text: unasked } },
    roster: { ask: async () => null as never },
    figures: () => ({ sessions: 0, topics: [], backplane: 'none' }),
  });
}

t.test('twenty pages are one audience', async (t) => {
  const asked = new Map<string, number>();
  let watches: Watches | null = null;
  const { url, close } = await controlRig(
    ({ control }) => {
      const system = systemOf(control);
      const hello = { node: 'n', version: '0', page: null };
      const { history } = MEMORY;
      const own = { control, system, streams, guard, history, hello };
      watches = new Watches({ ...own, clock: systemClock });
      return systemTable({ nodeId: 'n', system, files: new StaticFiles('/nowhere'), watches });
    },
    ({ link }, { request, method }) => {
      asked.set(method, (asked.get(method) ?? 0) + 1);
      const answer = ANSWERS[method as keyof typeof ANSWERS];
      // Slower than pages come: all of them are there before the first is told.
      setTimeout(() => {
        packReply(link.writer, { request, ...writeAnswer(answer) });
        link.scheduleFlush();
      }, 200);
    },
  );
  t.teardown(close);
  t.teardown(() => watches?.close());
  const pages = await Promise.all(
    Array.from({ length: PAGES }, () => EventStream.open(`${url}/api/stream`)),
  );
  t.teardown(() => {
    for (const page of pages) page.close();
  });
  const told = (page: EventStream): number => page.of('figures').length;
  await eventually(() => pages.every((page) => told(page) >= 3));
  const most = Math.max(...pages.map(told));
  const timesAsked = (asked.get('stats') ?? 0) / WORKERS;
  t.ok(timesAsked <= most + 1, `asked ${timesAsked} times, for ${most} figures of each page`);
  t.ok(most <= 5, `a page is told ${most} times, not once for each that has come`);
  const texts = new Set(
    pages.flatMap((page) => page.of('figures').map((one) => JSON.stringify(one))),
  );
  t.ok(texts.size <= most, 'all are told the same');
  await eventually(() => pages.every((page) => page.of('condition').length > 0));
  const listed = (asked.get('subscription.list') ?? 0) / WORKERS;
  t.equal(listed, 1, 'subscriptions are looked at now and then');
});
