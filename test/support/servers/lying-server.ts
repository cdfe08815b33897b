/** A server that speaks Conduit's protocol as far as the load generator needs it, and does not keep it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pack } from 'msgpackr';
import { type WebSocket, WebSocketServer } from 'ws';

export interface Lies {
  /** Answer to POST /api/topics; default 201. */
  topicStatus?: number;
  /** Answers to POST /api/publish, in turn; default 200. */
  publishStatuses?: readonly number[];
  /** Sequences that a subscriber is sent, in this order. */
  sequences?: readonly number[];
  /** Sent to a subscriber in place of `subscribed`. */
  refusal?: { code: string; message: string };
  /** Its connections are cut after so many publishes. */
  diesAfter?: number;
}

export interface LyingServer {
  target: string;
  close(): Promise<void>;
}

export async function startLyingServer(lies: Lies): Promise<LyingServer> {
  let publishes = 0;
  const server = createServer((request, response) => {
    if (request.url === '/api/publish') publishes++;
    if (publishes === lies.diesAfter) {
      server.closeAllConnections();
      return;
    }
    answer(request, response, lies, publishes);
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.once('message', () => subscribe(socket, lies));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    target: `127.0.0.1:${port}`,
    close: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { topicStatus = 201, publishStatuses = [200] }: Lies,
  publishes: number,
): void {
  const ofPublish = publishStatuses[(publishes - 1) % publishStatuses.length] ?? 200;
  request.resume();
  request.once('end', () => {
    const body = '{}';
    const status = request.url === '/api/publish' ? ofPublish : topicStatus;
    response.writeHead(status, { 'content-length': body.length }).end(body);
  });
}

function subscribe(socket: WebSocket, { refusal, sequences = [] }: Lies): void {
  if (refusal !== undefined) {
    socket.send(pack({ type: 'error', ...refusal }));
    return;
  }
  const topic = 'bench';
  socket.send(pack({ type: 'subscribed', topic, epoch: 'e', sequence: 0 }));
  for (const sequence of sequences) {
    socket.send(
      pack({ type: 'message', message_id: 'm', topic, payload: 'x', sequence, attempt: 1 }),
    );
  }
}
