/** TLS in front of a server of a test's that speaks none: what comes to its port goes on in the clear. */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import type { CertificateFiles } from './certificate-files.js';

export interface TlsEnd {
  readonly port: number;
  /** That were encrypted, since the start. */
  readonly connections: number;
  stop(): void;
}

export async function startTlsEnd(to: number, files: CertificateFiles): Promise<TlsEnd> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const options = { cert: files.cert, key: readFileSync(files.keyFile) };
  const server = tls.createServer(options, (socket) => {
    connections++;
    const on = net.connect(to, '127.0.0.1');
    for (const [one, peer] of [
      [socket, on],
      [on, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => peer.destroy());
      one.on('close', () => {
        sockets.delete(one);
        peer.destroy();
      });
      one.pipe(peer);
    }
  });
  // Whoever does not trust it ends there.
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    get connections() {
      return connections;
    },
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
