/** A server that speaks Centrifugo's protocol as far as the load generator needs it, and may not keep it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface CentrifugoLies {
  /** What becomes of the fifth publication; absent: it is pushed as the others. */
  fifth?: 'missing' | 'twice' | 'late';
  /** An error in the body of each answer to a publish, with status 200. */
  refuses?: boolean;
  /** Subscribing is answered by an error. */
  forbids?: boolean;
}

export interface LyingCentrifugo {
  target: string;
  /** Keys that came with publishes. */
  keys: ReadonlySet<unknown>;
  /** Answers to its pings, of all subscribers. */
  pongs(): number;
  close(): Promise<void>;
}

const FIFTH = 5;

export async function startLyingCentrifugo(lies: CentrifugoLies): Promise<LyingCentrifugo> {
  const keys = new Set<unknown>();
  const server = createServer((request, response) => {
    keys.add(request.headers['x-api-key']);
    void publish(request, response);
  });
  const sockets = new WebSocketServer({ server, path: '/connection/websocket' });
  let published = 0;
  let held = '';
  let pongs = 0;
  const pushed = (push: string): string[] => {
    published++;
    if (published === FIFTH + 1 && lies.fifth === 'late') return [push, held];
    if (published !== FIFTH || lies.fifth === undefined) return [push];
    held = push;
    return lies.fifth === 'twice' ? [push, push] : [];
  };
  const publish = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { channel, data } = await bodyOf(request);
    // A ping is joined to what is pushed.
    const lines = [...pushed(JSON.stringify({ push: { channel, pub: { data } } })), '{}'];
    for (const socket of sockets.clients) socket.send(lines.join('\n'));
    const error = { code: 107, message: 'bad request' };
    response.end(JSON.stringify(lies.refuses === true ? { error } : { result: {} }));
  };
  sockets.on('connection', (socket) => {
    socket.on('message', (message) => {
      if (String(message) === '{}') pongs++;
      else replyTo(socket, String(message), lies);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    target: `127.0.0.1:${port}`,
    keys,
    pongs: () => pongs,
    close: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<{ channel: string; data: unknown }> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
  return JSON.parse(text) as { channel: string; data: unknown };
}

/** Its commands: connect, then subscribe, in one message. */
function replyTo(socket: WebSocket, message: string, { forbids }: CentrifugoLies): void {
  const [connect, subscribe] = message
    .split('\n')
    .map((line) => JSON.parse(line) as { id: number; connect?: object; subscribe?: object });
  if (connect?.connect === undefined || subscribe?.subscribe === undefined) {
    socket.close();
    return;
  }
  const error = { code: 103, message: 'permission denied' };
  const subscribed = forbids === true ? { error } : { subscribe: {} };
  socket.send(JSON.stringify({ id: connect.id, connect: { client: 'c', ping: 25, pong: true } }));
  socket.send(JSON.stringify({ id: subscribe.id, ...subscribed }));
}
