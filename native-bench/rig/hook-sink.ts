/**
 * A process that takes webhooks: answers each request 204 as cheaply as that can be done, counts ids that it
 * has not seen before, and says when all have come. So the CPU of whoever receives is not the sender's, and
 * is known. Run by native-bench/webhooks.ts with the number of messages.
 */
import uWS from 'uWebSockets.js';

export type FromSink =
  | { type: 'listening'; port: number }
  /** Requests that came, those again among them; microseconds of CPU since the first. */
  | { type: 'all'; requests: number; cpuUs: number };

const messages = Number(process.argv[2]);
const seen = new Set<string>();
let requests = 0;
let before: NodeJS.CpuUsage | undefined;

function cameIn(id: string): void {
  before ??= process.cpuUsage();
  requests++;
  const known = seen.size;
  seen.add(id);
  if (seen.size === known || seen.size !== messages) return;
  const { user, system } = process.cpuUsage(before);
  tell({ type: 'all', requests, cpuUs: user + system });
}

function tell(message: FromSink): void {
  process.send?.(message);
}

const app = uWS.App().post('/*', (res, req) => {
  const id = req.getHeader('webhook-id');
  res.onAborted(() => undefined);
  res.onData((_chunk, isLast) => {
    if (!isLast) return;
    res.cork(() => res.writeStatus('204 No Content').endWithoutBody());
    cameIn(id);
  });
});
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('nothing to listen on');
  tell({ type: 'listening', port: uWS.us_socket_local_port(socket) });
});
// With who started it.
process.once('disconnect', () => process.exit(0));
