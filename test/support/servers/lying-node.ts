/** A server that speaks to clients of a node, by WebSocket and HTTP, and says what the test wants. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { type WebSocket, WebSocketServer } from 'ws';

export interface LyingNode {
  url: string;
  /** WebSockets that opened. */
  connections: number;
  /** HTTP requests. */
  requests: number;
}

/** What it answers: each connection, and each HTTP request (404 without a body where it is left out). */
export interface LyingAnswers {
  socket: (socket: WebSocket) => void;
  http?: (response: ServerResponse, request: IncomingMessage) => void;
  /** No WebSocket opens: HTTP has the request. */
  upgrades?: 'refused';
}

/** Until the test is over. */
export async function startLyingNode(t: Test, answers: LyingAnswers): Promise<LyingNode> {
  const node = { url: '', connections: 0, requests: 0 };
  const server = createServer((request, response) => {
    node.requests++;
    if (answers.http === undefined) response.writeHead(404).end();
    else answers.http(response, request);
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (answers.upgrades === 'refused') socket.end('HTTP/1.1 503 No\r\nConnection: close\r\n\r\n');
    else
      sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened));
  });
  sockets.on('connection', (socket: WebSocket) => {
    node.connections++;
    socket.on('error', () => undefined);
    answers.socket(socket);
  });
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  node.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return node;
}
