/** One request over a NATS connection of its own. */
import { connect } from 'node:net';

const TIMEOUT_MS = 10_000;
const INBOX = '_INBOX.conduit-bench';

/** The answer's text; rejects when the server refuses, or no answer comes within 10 s. */
export function natsRequest(port: number, subject: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = Buffer.alloc(0);
    const end = (how: () => void): void => {
      socket.destroy();
      how();
    };
    const fail = (why: string): void => end(() => reject(new Error(`NATS, ${subject}: ${why}`)));
    socket.setTimeout(TIMEOUT_MS, () => fail('no answer'));
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => fail('the connection was closed'));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const refused = /^-ERR (.*)\r\n/m.exec(received.toString('latin1'));
      if (refused !== null) return fail(refused[1] ?? '');
      const answer = bodyOf(received);
      if (answer !== null) end(() => resolve(answer));
    });
    const bytes = Buffer.byteLength(body);
    socket.write('CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\n');
    socket.write(`SUB ${INBOX} 1\r\nPUB ${subject} ${INBOX} ${bytes}\r\n${body}\r\n`);
  });
}

/** Of the first message in what was received; null: it is not there whole. */
function bodyOf(received: Buffer): string | null {
  // An acknowledgement of JetStream has two spaces where its reply subject is missing.
  const head = /^MSG \S+ 1 +(?:\S+ +)?(\d+)\r\n/m.exec(received.toString('latin1'));
  if (head === null) return null;
  const from = head.index + head[0].length;
  const to = from + Number(head[1]);
  return received.length < to ? null : received.toString('utf8', from, to);
}
