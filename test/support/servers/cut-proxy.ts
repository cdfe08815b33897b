/** A TCP proxy before PostgreSQL that can break a connection at a chosen byte of either direction. */
import net from 'node:net';

export interface CutProxy {
  readonly port: number;
  /** `cut` ends both sides at once and drops the chunk; `swallow` drops it and stays silent for ever. */
  fromServer: (chunk: Buffer) => 'pass' | 'cut' | 'swallow';
  /** `stall`: passes it and reads no more from this client. `last`: passes it, then ends both sides. */
  fromClient: (chunk: Buffer) => 'pass' | 'cut' | 'stall' | 'last';
  /** What new connections find: `silent`: they are accepted and never answered; `closed`: at once. */
  door: 'open' | 'silent' | 'closed';
  /** New connections with such an application_name are closed. */
  refused: RegExp | null;
  /** What the server sends comes this much later. */
  delayMs: number;
  /** New connections so far. */
  readonly accepted: number;
  /**
   * The connections of now whose application_name fits go silent both ways: sockets stay open, what is
   * sent is swallowed. How many those were.
   */
  mute(applicationName: RegExp): number;
  /** What went silent ends: the network is whole again. */
  heal(): void;
  /** All connections of now end at once. */
  cut(): void;
  close(): void;
}

export async function startCutProxy(serverPort: number): Promise<CutProxy> {
  const sockets = new Set<net.Socket>();
  const pipes = new Set<{ applicationName: string; mute: () => void; heal: () => unknown }>();
  let accepted = 0;
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    accepted++;
    sockets.add(client);
    client.on('close', () => sockets.delete(client));
    client.on('error', () => client.destroy());
    if (proxy.door === 'closed') client.destroy();
    if (proxy.door !== 'open') return;
    const upstream = net.connect(serverPort, '127.0.0.1');
    sockets.add(upstream);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    /** What the server sent and the client has not got yet. */
    const late: Buffer[] = [];
    const pass = (chunk: Buffer): void => {
      if (proxy.delayMs === 0 && late.length === 0) {
        client.write(chunk);
        return;
      }
      late.push(chunk);
      setTimeout(() => client.write(late.shift() ?? ''), proxy.delayMs);
    };
    let muted = false;
    let isSilent = false;
    const pipe = {
      applicationName: '',
      mute: () => {
        isSilent = true;
        muted = true;
      },
      heal: () => muted && end(),
    };
    pipes.add(pipe);
    client.on('data', (chunk: Buffer) => {
      if (isSilent) return;
      if (pipe.applicationName === '') pipe.applicationName = nameIn(chunk);
      if (proxy.refused?.test(pipe.applicationName)) return end();
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
      else pass(chunk);
    });
    client.on('end', () => {
      if (!isSilent) upstream.end();
    });
    client.on('close', () => {
      pipes.delete(pipe);
      if (!upstream.writableEnded) end();
    });
    const lost = (): void => {
      if (!isSilent) end();
    };
    upstream.on('close', lost);
    upstream.on('error', lost);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const proxy: CutProxy = {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    fromServer: () => 'pass',
    fromClient: () => 'pass',
    door: 'open',
    refused: null,
    delayMs: 0,
    get accepted() {
      return accepted;
    },
    mute: (applicationName) => {
      const fit = [...pipes].filter((pipe) => applicationName.test(pipe.applicationName));
      for (const pipe of fit) pipe.mute();
      return fit.length;
    },
    heal: () => pipes.forEach((pipe) => void pipe.heal()),
    cut: () => destroyAll(sockets),
    close: () => {
      server.close();
      destroyAll(sockets);
    },
  };
  return proxy;
}

function destroyAll(sockets: Iterable<net.Socket>): void {
  for (const socket of sockets) socket.destroy();
}

/** Of a startup packet. */
function nameIn(chunk: Buffer): string {
  return /application_name\0([^\0]*)\0/.exec(chunk.toString('latin1'))?.[1] ?? '-';
}
