/** Control routes on a real uWS app and real links, and two workers that do with a call as they are told. */
import uWS from 'uWebSockets.js';
import { MessageChannel } from 'node:worker_threads';
import { freePort } from '../../../native-bench/rig/free-port.js';
import { NO_AUDIT } from '../../../src/acceptor/http/audit-note.js';
import { Bodies } from '../../../src/acceptor/http/bodies.js';
import { Callers } from '../../../src/acceptor/http/callers.js';
import { openGate } from '../../../src/acceptor/http/gate.js';
import { Guard } from '../../../src/acceptor/http/guard.js';
import { PacedAnswers } from '../../../src/acceptor/http/paced-answers.js';
import { Proxies } from '../../../src/acceptor/http/proxies.js';
import type { Route } from '../../../src/acceptor/http/route.js';
import { mountRoutes } from '../../../src/acceptor/http/router.js';
import { Traffic } from '../../../src/acceptor/http/traffic.js';
import { Control } from '../../../src/acceptor/routes/control.js';
import { Directory } from '../../../src/acceptor/routes/directory.js';
import { LogReads } from '../../../src/acceptor/routes/log-reads.js';
import { Workers } from '../../../src/acceptor/workers/workers.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { systemClock } from '../../../src/core/clock.js';
import type { Limits } from '../../../src/core/limits.js';
import { ANYONE, type Principal } from '../../../src/core/principal.js';
import { SharedCount } from '../../../src/core/shared-count.js';
import { WorkerLinkEnd } from '../../../src/thread/link.js';
import { type CallOp, readCall } from '../../../src/thread/ops/call.js';
import { NO_QUOTAS } from '../tenants/no-quotas.js';

/** A worker's end of its link. */
export interface AskedWorker {
  worker: number;
  link: WorkerLinkEnd;
}

export interface ControlRig {
  workers: Workers;
  url: string;
  close: () => void;
}

/** A fault of ours on the way throws on the event loop. */
function onFault(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

/** Every request is of `principal`. */
export async function controlRig(
  table: (parts: { limits: Limits; control: Control; directory: Directory }) => Route[],
  onCall: (worker: AskedWorker, call: CallOp) => void,
  principal: Principal = ANYONE,
): Promise<ControlRig> {
  const { config } = loadConfig({});
  const { limits } = config;
  const guard = new Guard((where, stack) => onFault(new Error(`${where}: ${stack}`)));
  const count = new SharedCount(SharedCount.memory(1), 0);
  const answers = new PacedAnswers({ limits, guard, clock: systemClock, count });
  const callers = new Callers(config);
  const proxies = new Proxies(config);
  const workers = new Workers(2, limits, guard);
  const asked = [0, 1].map((worker): AskedWorker => {
    const { port1, port2 } = new MessageChannel();
    workers.connect({ worker, generation: 1, port: port1 });
    const link: WorkerLinkEnd = new WorkerLinkEnd({
      ...{ port: port2, limits },
      onOp: (_op, reader) => onCall({ worker, link }, readCall(reader)),
      onTurn: () => undefined,
    });
    return { worker, link };
  });
  const gate = openGate(principal);
  const bodies = new Bodies({ clock: systemClock, gate, onFault });
  const browsing = new LogReads(workers, null, limits);
  const control = new Control({ workers, limits, browsing, gate, inMemory: true });
  const app = uWS.App();
  const means = { bodies, limits, onFault };
  mountRoutes(app, table({ limits, control, directory: new Directory(null) }), {
    ...{ guard, means },
    parts: {
      callers,
      proxies,
      answers,
      audit: NO_AUDIT,
      quotas: NO_QUOTAS,
      traffic: new Traffic(),
    },
    gate,
    page: () => false,
  });
  const port = await freePort();
  const socket = await new Promise<uWS.us_listen_socket | false>((resolve) =>
    app.listen('127.0.0.1', port, resolve),
  );
  const close = (): void => {
    bodies.close();
    answers.close();
    workers.closeAll();
    for (const { link } of asked) link.close();
    if (socket !== false) uWS.us_listen_socket_close(socket);
    app.close();
  };
  return { workers, url: `http://127.0.0.1:${port}`, close };
}
