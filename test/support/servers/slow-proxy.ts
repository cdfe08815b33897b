/** A TCP proxy that loses nothing and is slow: what it is given comes later, drop by drop, or not for now. */
import net from 'node:net';

export interface SlowProxy {
  readonly port: number;
  /** What the server says comes so much later. */
  delayMs: number;
  /** So many bytes of it a second, to each client; Infinity: as it comes. */
  bytesPerS: number;
  /** Neither side is read: what they write waits with them. */
  isStalled: boolean;
  close(): void;
}

/** From one look at what is due to the next. */
const TICK_MS = 10;

/** What one server has said to its client. */
interface Lane {
  client: net.Socket;
  upstream: net.Socket;
  late: { atMs: number; chunk: Buffer }[];
}

export async function startSlowProxy(serverPort: number): Promise<SlowProxy> {
  const lanes = new Set<Lane>();
  const server = net.createServer((client) => {
    const upstream = net.connect(serverPort, '127.0.0.1');
    const lane: Lane = { client, upstream, late: [] };
    lanes.add(lane);
    const end = (): void => {
      lanes.delete(lane);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay();
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (chunk: Buffer) => {
      if (!upstream.write(chunk)) client.pause();
    });
    upstream.on('drain', () => client.resume());
    upstream.on('data', (chunk: Buffer) => {
      lane.late.push({ atMs: performance.now() + proxy.delayMs, chunk });
      pass(lane);
    });
  });
  const pass = (lane: Lane): void => {
    const { client, upstream, late } = lane;
    if (proxy.isStalled) {
      client.pause();
      upstream.pause();
      return;
    }
    if (client.isPaused() && upstream.writableLength === 0) client.resume();
    if (upstream.isPaused()) upstream.resume();
    let room = (proxy.bytesPerS * TICK_MS) / 1_000;
    for (let next = late[0]; next !== undefined && room > 0; next = late[0]) {
      if (next.atMs > performance.now()) return;
      const some = next.chunk.subarray(0, Math.ceil(Math.min(room, next.chunk.length)));
      room -= some.length;
      client.write(some);
      if (some.length === next.chunk.length) late.shift();
      else next.chunk = next.chunk.subarray(some.length);
    }
  };
  const ticks = setInterval(() => lanes.forEach(pass), TICK_MS);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const proxy: SlowProxy = {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    ...{ delayMs: 0, bytesPerS: Number.POSITIVE_INFINITY, isStalled: false },
    close: () => {
      clearInterval(ticks);
      server.close();
      for (const { client, upstream } of lanes) {
        client.destroy();
        upstream.destroy();
      }
    },
  };
  return proxy;
}
