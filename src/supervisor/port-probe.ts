/**
 * Whether the port can be listened on, tried with a plain listener, which finds any other one: also one
 * with SO_REUSEPORT, as uWebSockets.js listens.
 */
import { createServer } from 'node:net';

export interface ProbeOptions {
  /** As the operator gave it. */
  host: string;
  /** What it stands for. */
  addresses: readonly string[];
  port: number;
  /** That names it. */
  variable: string;
}

/** Null when it is free at all of them; else why not, in one line. */
export async function portTrouble(options: ProbeOptions): Promise<string | null> {
  const { addresses, port } = options;
  const codes: string[] = [];
  for (const address of addresses) {
    const code = await listenCode(address, port);
    if (code !== null) codes.push(code);
  }
  // A name such as localhost may stand for ::1, too, where a machine has no IPv6.
  const counted =
    codes.length < addresses.length ? codes.filter((code) => !NONE.test(code)) : codes;
  return counted[0] === undefined ? null : reason(counted[0], options);
}

const NONE = /^(EADDRNOTAVAIL|EAFNOSUPPORT)$/;

/** Null: it could be listened on. */
function listenCode(address: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host: address, port, exclusive: true }, () =>
      server.close(() => resolve(null)),
    );
  });
}

function reason(code: string, { host, port, variable }: ProbeOptions): string {
  switch (code) {
    case 'EADDRINUSE':
      return `${variable}=${port}: another process listens on it`;
    case 'EACCES':
      return `${variable}=${port}: this user may not listen on it`;
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `HOST=${host}: this machine does not have that address`;
    default:
      return `HOST=${host}, ${variable}=${port}: cannot listen (${code})`;
  }
}
