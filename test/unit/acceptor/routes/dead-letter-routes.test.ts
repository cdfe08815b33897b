// Goal: a redrive that some worker refuses is given up at all that are there, since nobody is told its
// job, and is answered with what it was refused for. On a real uWS app and real links.

import uWS from 'uWebSockets.js';
import { MessageChannel } from 'node:worker_threads';
import t from 'tap';
import { Bodies } from '../../../../src/acceptor/http/bodies.js';
import { Callers } from '../../../../src/acceptor/http/callers.js';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { PacedAnswers } from '../../../../src/acceptor/http/paced-answers.js';
import { mountRoutes } from '../../../../src/acceptor/http/router.js';
import { Browsing } from '../../../../src/acceptor/routes/browsing.js';
import { Control } from '../../../../src/acceptor/routes/control.js';
import { deadLetterTable } from '../../../../src/acceptor/routes/table/dead-letters.js';
import { Workers } from '../../../../src/acceptor/workers/workers.js';
import { loadConfig } from '../../../../src/config/load-config.js';
import { systemClock } from '../../../../src/core/clock.js';
import { SharedCount } from '../../../../src/core/shared-count.js';
import { WorkerLinkEnd } from '../../../../src/thread/link.js';
import type { CallOp } from '../../../../src/thread/ops/call.js';
import { packReply, readCall } from '../../../../src/thread/ops/call.js';
import { eventually } from '../../../support/eventually.js';
import { freePort } from '../../../support/free-port.js';
import { request } from '../../../support/publisher.js';

const MATCHED = JSON.stringify({ matched: 1, gone: 0 });
const NOTHING = new Uint8Array(0);

/** An acceptor's control routes, and two workers that do with a call as they are told. */
async function rig(onCall: (worker: number, call: CallOp) => void) {
  const { config } = loadConfig({});
  const { limits } = config;
  const guard = new Guard((where, stack) => t.fail(`${where}: ${stack}`));
  const count = new SharedCount(SharedCount.memory(1), 0);
  const answers = new PacedAnswers({ limits, guard, clock: systemClock, count });
  const parts = { callers: new Callers(config), answers };
  const workers = new Workers(2, limits, guard);
  const ends = [0, 1].map((worker) => {
    const { port1, port2 } = new MessageChannel();
    workers.connect({ worker, generation: 1, port: port1 });
    return new WorkerLinkEnd({
      ...{ port: port2, limits },
      onOp: (_op, reader) => onCall(worker, readCall(reader)),
      onTurn: () => undefined,
    });
  });
  const onFault = (error: unknown): void => void t.fail(String(error));
  const bodies = new Bodies({ clock: systemClock, onFault });
  const browsing = new Browsing(workers, null, limits);
  const control = new Control({ workers, limits, browsing, inMemory: true });
  const app = uWS.App();
  const means = { bodies, limits, onFault };
  mountRoutes(app, deadLetterTable({ limits, control }), { guard, parts, means });
  const port = await freePort();
  const socket = await new Promise<uWS.us_listen_socket | false>((resolve) =>
    app.listen('127.0.0.1', port, resolve),
  );
  t.teardown(() => {
    bodies.close();
    answers.close();
    workers.closeAll();
    for (const end of ends) end.close();
    if (socket !== false) uWS.us_listen_socket_close(socket);
    app.close();
  });
  return { workers, ends, url: `http://127.0.0.1:${port}` };
}

t.test('a worker goes while a redrive is asked for: the others give the job up', async (t) => {
  const asked: string[] = [];
  const jobs = new Set<unknown>();
  const { workers, ends, url } = await rig((worker, { request, method, args }) => {
    asked.push(`${worker} ${method}`);
    if (method === 'dead-letters.match') {
      const end = ends[worker];
      if (end === undefined) return;
      packReply(end.writer, { request, result: MATCHED, body: NOTHING });
      end.scheduleFlush();
      return;
    }
    jobs.add((JSON.parse(args) as { job: string }).job);
    // Worker 1 has yet to answer it. What the first one was asked fails `busy`, and so does asking it.
    if (method === 'dead-letters.redrive' && worker === 0) workers.disconnect(0);
  });
  const answer = await request(`${url}/api/dead-letters/redrive`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic: 'a', subscription: 'b' }),
  });
  t.equal(answer.status, 503);
  t.match(answer.body, { detail: 'the worker of this topic was replaced' }, 'the first error');
  await eventually(() => asked.includes('1 job.give-up'));
  t.equal(jobs.size, 1, 'under the name it was to start with');
  // What it was asked needs no answer any more.
  workers.disconnect(1);
});
