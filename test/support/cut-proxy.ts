/** A TCP proxy before PostgreSQL that can break a connection at a chosen byte of either direction. */
import net from 'node:net';

export interface CutProxy {
  readonly port: number;
  /** `cut` ends both sides at once and drops the chunk; `swallow` drops it and stays silent for ever. */
  fromServer: (chunk: Buffer) => 'pass' | 'cut' | 'swallow';
  /** `stall`: passes it and reads no more from this client. `last`: passes it, then ends both sides. */
  fromClient: (chunk: Buffer) => 'pass' | 'cut' | 'stall' | 'last';
  /** New connections are accepted and never answered. */
  silent: boolean;
  close(): void;
}

export async function startCutProxy(serverPort: number): Promise<CutProxy> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    sockets.add(client);
    client.on('error', () => client.destroy());
    if (proxy.silent) return;
    const upstream = net.connect(serverPort, '127.0.0.1');
    sockets.add(upstream);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    let muted = false;
    client.on('data', (chunk: Buffer) => {
      const verdict = proxy.fromClient(chunk);
      if (verdict === 'cut') return end();
      if (verdict === 'stall') client.pause();
      upstream.write(chunk, () => {
        if (verdict !== 'last') return;
        upstream.end();
        client.destroy();
      });
    });
    upstream.on('data', (chunk: Buffer) => {
      if (muted) return;
      const verdict = proxy.fromServer(chunk);
      if (verdict === 'cut') end();
      else if (verdict === 'swallow') muted = true;
      else client.write(chunk);
    });
    client.on('close', () => {
      if (!upstream.writableEnded) end();
    });
    upstream.on('close', end);
    upstream.on('error', end);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const proxy: CutProxy = {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    fromServer: () => 'pass',
    fromClient: () => 'pass',
    silent: false,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return proxy;
}
