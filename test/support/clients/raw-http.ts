/** Bytes to a port as they are, and what comes back: for requests that no client library would send. */
import net from 'node:net';
import { eventually } from '../../../native-bench/rig/eventually.js';

export interface RawConnection {
  readonly socket: net.Socket;
  text(): string;
  /** Of the answers so far, in order. */
  statuses(): number[];
  isClosed(): boolean;
  closed(): Promise<void>;
}

export function openRaw(port: number): RawConnection {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let text = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  return {
    socket,
    text: () => text,
    statuses: () => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)),
    isClosed: () => closed,
    closed: () => eventually(() => closed, 20_000),
  };
}

/** Sends it and waits until the server has closed the connection. */
export async function sendRaw(port: number, bytes: string): Promise<RawConnection> {
  const connection = openRaw(port);
  connection.socket.write(bytes, 'latin1');
  await connection.closed();
  return connection;
}
