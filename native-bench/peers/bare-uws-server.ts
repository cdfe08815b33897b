/**
 * uWebSockets.js without a broker: HTTP publishes are read, parsed and answered; what comes on /pub
 * goes to every socket of /sub, one frame a message, and its sender gets one byte. Nothing is kept.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import uws from 'uWebSockets.js';
import { sayReady } from './own-program.js';

const EVERYONE = 'everyone';
const MESSAGE_BYTES_MAX = 16 * 2 ** 20;
/** A slow reader keeps all it is owed, as Redis's in this comparison: a lost message is no speed. */
const UNSENT_BYTES_MAX = 512 * 2 ** 20;
const RECEIPT = Buffer.from('1');

/** As long as Conduit's. */
const ANSWER = JSON.stringify({
  message_id: '01a20990-d962-7000-86d4-1767e10b631b',
  topic: 'bench',
  sequence: 100_000,
  epoch: '11mwtkozu5ey2qp4',
  subscribers: 0,
  published_at: '2026-11-23T10:30:05.000Z',
});

const app = uws.App();

app.post('/api/publish', (response) => {
  readBody(response, (body) => {
    JSON.parse(body);
    answer(response, '200 OK', ANSWER);
  });
});
app.post('/api/topics', (response) => {
  readBody(response, (body) => answer(response, '201 Created', body));
});
app.get('/api/topics', (response) => answer(response, '200 OK', '{"topics":[]}'));

app.ws('/pub', {
  maxPayloadLength: MESSAGE_BYTES_MAX,
  message: (socket, message, isBinary) => {
    app.publish(EVERYONE, message, isBinary);
    socket.send(RECEIPT, true);
  },
});
app.ws('/sub', {
  maxBackpressure: UNSENT_BYTES_MAX,
  open: (socket) => {
    socket.subscribe(EVERYONE);
  },
});
app.any('/*', (response: HttpResponse, request: HttpRequest) => {
  const url = request.getUrl();
  answer(response, '404 Not Found', JSON.stringify({ error: `there is no ${url}` }));
});

app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('no port can be listened on');
  sayReady(uws.us_socket_local_port(socket));
});

/** `then` is not called when the client goes away first. */
function readBody(response: HttpResponse, then: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let isGone = false;
  response.onAborted(() => {
    isGone = true;
  });
  response.onData((chunk, isLast) => {
    if (isGone) return;
    if (isLast && chunks.length === 0) return then(Buffer.from(chunk).toString());
    // The chunk is only lent.
    chunks.push(Buffer.from(chunk.slice(0)));
    if (isLast) then(Buffer.concat(chunks).toString());
  });
}

function answer(response: HttpResponse, status: string, body: string): void {
  response.cork(() => {
    response.writeStatus(status).writeHeader('Content-Type', 'application/json').end(body);
  });
}
