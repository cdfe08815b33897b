/**
 * Entry of an acceptor thread: composes the acceptor and obeys the supervisor. An exception that reaches
 * the top closes the App, which would otherwise abort the process, and ends the thread; the
 * supervisor replaces it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../core/clock.js';
import { loadSpans } from '../observe/spans.js';
import type { AcceptorStart, FromThread, ToThread } from '../thread/control.js';
import { Acceptor } from './acceptor.js';

const EXIT_FAULT = 1;
/** What GET /metrics shows is this old at most. */
const SAMPLE_MS = 1_000;

const port = controlPort();
const start = workerData as AcceptorStart;
const tell = (message: FromThread): void => port.postMessage(message);
const spans = await loadSpans(start.config.limits);
const acceptor = new Acceptor(start, { clock: systemClock, spans, tell });

setInterval(() => acceptor.sample(), SAMPLE_MS).unref();

for (const link of start.links) acceptor.link(link);

port.on('message', (message: ToThread) => {
  switch (message.type) {
    case 'worker':
      acceptor.link(message.link);
      return;
    case 'worker-gone':
      acceptor.workerGone(message.worker);
      return;
    case 'keys-changed':
      acceptor.keysChanged(message.ids);
      return;
    case 'quotas-changed':
      acceptor.quotasChanged(message.quotas);
      return;
    case 'webhooks-changed':
      acceptor.webhooksChanged(message.changes);
      return;
    case 'happened':
      acceptor.happened(message.all);
      return;
    case 'sessions':
      void acceptor.sessions(message.ask).then((told) => {
        tell({ type: 'sessions', request: message.request, told });
      });
      return;
    case 'listen':
      acceptor.listen().then(
        (listening) => tell({ type: 'listening', port: listening }),
        (error: unknown) => tell({ type: 'fault', detail: String(error), exitCode: EXIT_FAULT }),
      );
      return;
    case 'reload-certificate':
      acceptor.reloadCertificate().then(
        () => tell({ type: 'certificate', trouble: null }),
        (error: unknown) => tell({ type: 'certificate', trouble: String(error) }),
      );
      return;
    case 'drain':
      void acceptor.drain().then(async (left) => {
        await spans?.flush();
        if (left.publishes + left.requests + left.unread > 0) tell({ type: 'left-over', left });
        tell({ type: 'drained' });
      });
      return;
    case 'stop':
      acceptor.stop();
      port.close();
      return;
    default:
      throw new Error(`an acceptor does not take ${message.type}`);
  }
});

process.on('uncaughtException', (error) => {
  const stack = error.stack ?? error.message;
  tell({ type: 'handler-fault', where: 'acceptor', stack, requestId: null });
  acceptor.stop();
  setImmediate(() => process.exit(EXIT_FAULT));
});

function controlPort(): NonNullable<typeof parentPort> {
  if (parentPort === null) throw new Error('acceptor-thread.js is started by the supervisor');
  return parentPort;
}
