/**
 * Whether the port can be listened on. uWebSockets.js listens with SO_REUSEPORT, so a second node
 * on the same port would silently take half of the connections: a plain listener is tried first.
 */
import { createServer } from 'node:net';

/** Null when it is free; else why not, in one line. */
export function portTrouble(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(reason(error, host, port)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function reason(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `PORT=${port}: another process listens on it`;
    case 'EACCES':
      return `PORT=${port}: this user may not listen on it`;
    case 'EADDRNOTAVAIL':
      return `HOST=${host}: this machine does not have that address`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST=${host}: cannot be resolved`;
    default:
      return `HOST=${host}, PORT=${port}: cannot listen (${error.code ?? error.message})`;
  }
}
