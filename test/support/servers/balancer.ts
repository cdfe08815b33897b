/** A load balancer for tests: TCP connections go to targets in turn, past those that do not take them. */
import net from 'node:net';

export interface Balancer {
  port: number;
  stop(): Promise<void>;
}

export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const sockets = new Set<net.Socket>();
  let next = 0;
  const keep = (socket: net.Socket): net.Socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    return socket;
  };
  /** Whoever takes nobody's connection is asked again with the next one. */
  const connect = (client: net.Socket, left: number): void => {
    const port = ports[next++ % ports.length] as number;
    const target = keep(net.connect({ port, host: '127.0.0.1', noDelay: true }));
    let isOpen = false;
    target.once('connect', () => {
      isOpen = true;
      client.pipe(target).pipe(client);
    });
    target.once('close', () => {
      if (isOpen || left === 1) client.destroy();
      else connect(client, left - 1);
    });
    client.once('close', () => target.destroy());
  };
  const server = net.createServer({ noDelay: true }, (client) =>
    connect(keep(client), ports.length),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
