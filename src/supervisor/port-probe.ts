/**
 * Whether the port can be listened on. uWebSockets.js listens with SO_REUSEPORT, so a second node on the
 * same port would silently take half of the connections: a plain listener is tried first.
 */
import { createServer } from 'node:net';

/** Null when it is free; else why not, in words. */
export function probePort(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(reason(error, host, port)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function reason(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') return `PORT=${port}: another process listens on it`;
  if (error.code === 'EACCES') return `PORT=${port}: this user may not listen on it`;
  return `HOST=${host}, PORT=${port}: cannot listen (${error.code ?? error.message})`;
}
