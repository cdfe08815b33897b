// Goal: a redrive that some worker refuses is given up at all that are there, since nobody is told its
// job, and is answered with what it was refused for. On a real uWS app and real links.

import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { deadLetterTable } from '../../../../src/acceptor/routes/table/dead-letters.js';
import { writeAnswer } from '../../../../src/thread/call-text.js';
import { packReply } from '../../../../src/thread/ops/call.js';
import { request } from '../../../support/clients/publisher.js';
import { controlRig } from '../../../support/nodes/control-rig.js';

t.test('a worker goes while a redrive is asked for: the others give the job up', async (t) => {
  const asked: string[] = [];
  const jobs = new Set<unknown>();
  const { workers, url, close } = await controlRig(
    deadLetterTable,
    (end, { request, method, args }) => {
      asked.push(`${end.worker} ${method}`);
      if (method === 'dead-letters.match') {
        packReply(end.link.writer, { request, ...writeAnswer({ matched: 1, gone: 0 }) });
        end.link.scheduleFlush();
        return;
      }
      jobs.add((JSON.parse(args) as { job: string }).job);
      // Worker 1 has yet to answer it. What the first one was asked fails `busy`, and so does asking it.
      if (method === 'dead-letters.redrive' && end.worker === 0) workers.disconnect(0);
    },
  );
  t.teardown(close);
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
