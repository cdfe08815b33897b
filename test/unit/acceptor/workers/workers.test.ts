// Goal: an answer of a worker that cannot be handled, by a fault of ours, ends the one that waited for
// it; those behind it in the same buffer are answered, and the link goes on.
import { MessageChannel } from 'node:worker_threads';
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { PendingRequest } from '../../../../src/acceptor/workers/pending-requests.js';
import { Workers } from '../../../../src/acceptor/workers/workers.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import { WorkerLinkEnd } from '../../../../src/thread/link.js';
import { packAcked } from '../../../../src/thread/ops/acknowledge.js';

class Asker extends PendingRequest {
  readonly told: string[] = [];
  readonly fault: string | null;

  constructor(link: PendingRequest['link'], fault: string | null) {
    super(link, -1);
    this.fault = fault;
  }

  override acked(): void {
    if (this.fault !== null) throw new RangeError(this.fault);
    this.told.push('acked');
  }

  override failed(): void {
    this.acked();
  }

  override broken(): void {
    this.told.push('broken');
    if (this.fault === 'twice') throw new Error('the end of it fails, too');
  }
}

function rig() {
  const faults: string[] = [];
  const guard = new Guard((_where, stack) => faults.push(stack.split('\n')[0] ?? ''));
  const workers = new Workers(1, DEFAULT_LIMITS, guard);
  const { port1, port2 } = new MessageChannel();
  workers.connect({ worker: 0, generation: 1, port: port1 });
  const worker = new WorkerLinkEnd({
    ...{ port: port2, limits: DEFAULT_LIMITS },
    onOp: () => undefined,
    onTurn: () => undefined,
  });
  t.teardown(() => {
    workers.closeAll();
    worker.close();
  });
  return { faults, workers, worker };
}

t.test('one of three answers throws: the other two are told', async (t) => {
  const { faults, workers, worker } = rig();
  const link = workers.byIndex(0);
  const askers = [null, 'a bug', 'twice', null].map((fault) => new Asker(link, fault));
  for (const asker of askers) packAcked(worker.writer, workers.requests.add(asker));
  worker.scheduleFlush();
  await eventually(() => askers.at(-1)?.told.length === 1);
  t.same(
    askers.map(({ told }) => told),
    [['acked'], ['broken'], ['broken'], ['acked']],
  );
  t.same(faults, [
    ...['RangeError: a bug', 'RangeError: twice'],
    'Error: the end of it fails, too',
  ]);
  t.equal(workers.requests.size, 0);
});

t.test('what a worker answered before it was gone is not unknown', async (t) => {
  const { workers, worker } = rig();
  const link = workers.byIndex(0);
  const [count, told] = [5_000, { acked: 0, failed: 0 }];
  class Counted extends PendingRequest {
    override acked(): void {
      told.acked++;
      // More came with this one than a turn handles.
      if (told.acked === 1) queueMicrotask(() => workers.disconnect(0));
    }

    override failed(): void {
      told.failed++;
    }

    override broken(): void {
      this.failed();
    }
  }
  for (let n = 0; n < count; n++) {
    packAcked(worker.writer, workers.requests.add(new Counted(link, -1)));
  }
  worker.scheduleFlush();
  await eventually(() => told.acked + told.failed >= count);
  t.same(told, { acked: count, failed: 0 });
});

t.test('nor is what it had posted and nobody had taken', async (t) => {
  const { workers, worker } = rig();
  const told: string[] = [];
  class Waiting extends PendingRequest {
    override acked(): void {
      told.push('acked');
    }

    override failed({ code }: Parameters<PendingRequest['failed']>[0]): void {
      told.push(code);
    }

    override broken(): void {
      told.push('broken');
    }
  }
  const link = workers.byIndex(0);
  packAcked(worker.writer, workers.requests.add(new Waiting(link, -1)));
  worker.scheduleFlush();
  workers.requests.add(new Waiting(link, -1));
  link.takePublishCredit(9);
  workers.requests.add(new Waiting(link, 9));
  // It is posted in this turn of the event loop, and would be handed over in the next.
  await new Promise((resolve) => setImmediate(resolve));
  t.same(told, []);
  workers.disconnect(0);
  t.same(told, ['acked', 'busy', 'outcome_unknown']);
});

t.test('the same when a worker is gone', async (t) => {
  const { workers, faults } = rig();
  const link = workers.byIndex(0);
  const askers = [null, 'a bug', null].map((fault) => new Asker(link, fault));
  for (const asker of askers) workers.requests.add(asker);
  workers.disconnect(0);
  t.same(
    askers.map(({ told }) => told),
    [['acked'], ['broken'], ['acked']],
  );
  t.equal(faults.length, 1);
});
