// Goal: a node speaks TLS with the certificate of its files, and after SIGHUP with what they hold then. Who
// is connected goes on; what cannot be used is refused in a line, and the one before is shown.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { runCommand } from '../support/nodes/command.js';
import { writeCertificate } from '../support/servers/certificate-files.js';

const folder = mkdtempSync(path.join(tmpdir(), 'conduit-tls-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const [first, second, third] = ['first', 'second', 'third'].map((name) =>
  writeCertificate(folder, name),
) as [Made, Made, Made];
const over = writeCertificate(folder, 'over', -1);
const shown = { certFile: path.join(folder, 'shown.crt'), keyFile: path.join(folder, 'shown.key') };
const ca = [first.cert, second.cert, third.cert, over.cert];

type Made = ReturnType<typeof writeCertificate>;
type Sent = { method?: string; body?: string; headers?: Record<string, string> };

function show(files: Pick<Made, 'certFile' | 'keyFile'>): void {
  copyFileSync(files.certFile, shown.certFile);
  copyFileSync(files.keyFile, shown.keyFile);
}

/** The name in the certificate that a new connection is shown. */
function nameShown({ port }: TestNode): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ca }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

function ask(node: TestNode, target: string, sent: Sent = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const { body, ...options } = sent;
    const asked = https.request(
      `${node.url}${target}`,
      { ...options, ca, agent: false },
      (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    asked.once('error', reject);
    asked.end(body);
  });
}

const publish = (node: TestNode, payload: string): Promise<number> =>
  ask(node, '/api/publish', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic: 'safe', payload }),
  });

/** A session of the topic, and the payloads that it gets. */
async function subscribed(node: TestNode): Promise<{ socket: WebSocket; payloads: unknown[] }> {
  const socket = new WebSocket(`${node.wsUrl}/ws`, 'conduit.json.v1', { ca });
  const payloads: unknown[] = [];
  let isOpen = false;
  socket.on('message', (data) => {
    for (const text of String(data).split('\x1e')) {
      const frame = JSON.parse(text) as Record<string, unknown>;
      if (frame['type'] === 'subscribed') isOpen = true;
      if (frame['type'] === 'message') payloads.push(frame['payload']);
    }
  });
  socket.once('open', () =>
    socket.send(JSON.stringify({ type: 'subscribe', topic: 'safe', ack: 'none' })),
  );
  await eventually(() => isOpen);
  return { socket, payloads };
}

show(first);
const env = { TLS_CERT_FILE: shown.certFile, TLS_KEY_FILE: shown.keyFile };
const node = await startNode({
  ...env,
  ACCEPTORS: '2',
  LOG_LEVEL: 'info',
  LOG_FORMAT: 'pretty',
});
t.teardown(() => node.kill9());
const hangUp = async (said: RegExp): Promise<void> => {
  const times = (): number => node.output().match(new RegExp(said, 'g'))?.length ?? 0;
  const before = times();
  node.process.kill('SIGHUP');
  await eventually(() => times() > before);
};

/** Until all who connect see it. */
async function replace(files: Made): Promise<void> {
  show(files);
  await hangUp(/another certificate/);
  const name = path.basename(files.certFile, '.crt');
  await eventually(async () => {
    const seen = Array.from({ length: 8 }, () => nameShown(node).catch(() => ''));
    return (await Promise.all(seen)).every((one) => one === name);
  });
}

t.test('it answers over TLS alone, and its pages are of https', async (t) => {
  await eventually(() => node.output().includes(`listens on https://127.0.0.1:${node.port}`));
  t.equal(await nameShown(node), 'first');
  t.equal(await ask(node, '/readyz'), 200);
  await t.rejects(fetch(`http://127.0.0.1:${node.port}/readyz`));
  const own = await startNode({ ...env, CORS_ORIGIN: 'https://app.example' });
  const post = (origin: string): Promise<number> =>
    ask(own, '/api/topics', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin },
      body: '{"name":"x"}',
    });
  t.equal(await post(`https://127.0.0.1:${own.port}`), 201);
  t.equal(await post(`http://127.0.0.1:${own.port}`), 403);
  await own.kill9();
});

t.test('after SIGHUP new connections see the new certificate, sessions go on', async (t) => {
  const old = await subscribed(node);
  await replace(second);
  const young = await subscribed(node);
  t.equal(await publish(node, 'to both'), 200);
  await eventually(() => old.payloads.length === 1 && young.payloads.length === 1);
  t.same([old.payloads, young.payloads], [['to both'], ['to both']]);
  await hangUp(/the certificate is the one that is shown/);
  t.equal(old.socket.readyState, WebSocket.OPEN);
  old.socket.close();
  young.socket.close();
});

t.test('what cannot be used is refused in a line, and the one before is shown', async (t) => {
  const wrong: [why: RegExp, make: () => void][] = [
    [/TLS_KEY_FILE=\S+: is not the key/, () => copyFileSync(third.keyFile, shown.keyFile)],
    [/TLS_CERT_FILE=\S+: holds no certificate/, () => writeFileSync(shown.certFile, 'none')],
    [/TLS_CERT_FILE=\S+: cannot be read \(ENOENT\)/, () => rmSync(shown.certFile)],
  ];
  const session = await subscribed(node);
  for (const [why, make] of wrong) {
    show(second);
    make();
    await hangUp(why);
    t.equal(await nameShown(node), 'second');
  }
  show(over);
  await hangUp(/the certificate was valid until/);
  await eventually(async () => (await nameShown(node).catch(() => 'expired')) === 'expired');
  await replace(third);
  t.equal(await publish(node, 'still'), 200);
  await eventually(() => session.payloads.length === 1);
  t.notMatch(node.output(), /PRIVATE KEY/);
});

t.test('who has seen five certificates more is closed, who has seen four goes on', async (t) => {
  const oldest = await subscribed(node);
  await replace(first);
  const next = await subscribed(node);
  for (const files of [second, third, first, second]) await replace(files);
  await eventually(() => oldest.socket.readyState === WebSocket.CLOSED);
  t.equal(await publish(node, 'last'), 200);
  await eventually(() => next.payloads.length === 1);
  t.equal(await node.stop(), 0);
});

t.test('a start without what it needs is one line that names the variable', async (t) => {
  const cases: [env: Record<string, string>, line: RegExp][] = [
    [{ TLS_CERT_FILE: first.certFile }, /TLS_KEY_FILE: is unset, and TLS_CERT_FILE is of no use/],
    [{ TLS_KEY_FILE: first.keyFile }, /TLS_CERT_FILE: is unset, and TLS_KEY_FILE is of no use/],
    [
      { TLS_CERT_FILE: path.join(folder, 'nowhere'), TLS_KEY_FILE: first.keyFile },
      /TLS_CERT_FILE=\S+nowhere: cannot be read \(ENOENT\)/,
    ],
    [
      { TLS_CERT_FILE: first.certFile, TLS_KEY_FILE: folder },
      /TLS_KEY_FILE=\S+: cannot be read \(EISDIR\)/,
    ],
    [
      { TLS_CERT_FILE: first.keyFile, TLS_KEY_FILE: first.keyFile },
      /TLS_CERT_FILE=\S+: holds no certificate in PEM/,
    ],
    [
      { TLS_CERT_FILE: first.certFile, TLS_KEY_FILE: first.certFile },
      /TLS_KEY_FILE=\S+: holds no private key in PEM without a passphrase/,
    ],
    [
      { TLS_CERT_FILE: first.certFile, TLS_KEY_FILE: second.keyFile },
      /TLS_KEY_FILE=\S+: is not the key of the certificate in TLS_CERT_FILE/,
    ],
  ];
  for (const [files, line] of cases) {
    const { code, stderr, stdout } = await runCommand(['serve'], files);
    t.equal(code, 78);
    t.match(stderr, line);
    t.equal(stderr.split('\n').length, 2, 'one line');
    t.match(stdout, /^(\{"level":.*\}\n)*$/, 'the log, and nothing else');
  }
});
