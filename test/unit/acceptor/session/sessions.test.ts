// Goal: a session ends once, whatever ends it and whatever its socket does, and releases all it had; a
// fault of ours ends the one session it was for. On a real uWS app and real sockets.

import uWS from 'uWebSockets.js';
import { once } from 'node:events';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { freePort } from '../../../../native-bench/rig/free-port.js';
import type { ReceiverEnd } from '../../../../src/acceptor/delivery/receiver.js';
import { NO_AUDIT } from '../../../../src/acceptor/http/audit-note.js';
import { Callers } from '../../../../src/acceptor/http/callers.js';
import { openGate } from '../../../../src/acceptor/http/gate.js';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { PacedAnswers } from '../../../../src/acceptor/http/paced-answers.js';
import { Proxies } from '../../../../src/acceptor/http/proxies.js';
import { Traffic } from '../../../../src/acceptor/http/traffic.js';
import type { Session } from '../../../../src/acceptor/session/session.js';
import { Sessions } from '../../../../src/acceptor/session/sessions.js';
import { loadConfig } from '../../../../src/config/load-config.js';
import { type Clock, systemClock } from '../../../../src/core/clock.js';
import { CLOSE } from '../../../../src/core/errors.js';
import { ANYONE } from '../../../../src/core/principal.js';
import { SharedCount } from '../../../../src/core/shared-count.js';
import type { ServerFrame } from '../../../../src/wire/server-frame-types.js';
import { NO_QUOTAS } from '../../../support/tenants/no-quotas.js';

const JSON_V1 = 'conduit.json.v1';
const BUFFER = 65_536;
/** More than the kernel's buffers of both ends and ours take. */
const MUCH = 400;
const ANSWER: ServerFrame = { type: 'acked', ref: 'answer' };
const LARGE: ServerFrame = { type: 'error', code: 'busy', message: 'x'.repeat(60_000) };
const PADDING = 'x'.repeat(20_000);

type Act = (session: Session, text: string) => void;

async function rig(act: Act, env: Record<string, string> = {}, clock: Clock = systemClock) {
  const faults: string[] = [];
  const ended: { session: Session; end: ReceiverEnd }[] = [];
  const { config } = loadConfig({ SEND_BUFFER_BYTES_MAX: String(BUFFER), ...env });
  const guard = new Guard((where) => faults.push(where));
  const count = new SharedCount(SharedCount.memory(1), 0);
  const held = new SharedCount(SharedCount.memory(1), 0);
  const answers = new PacedAnswers({ limits: config.limits, guard, clock, count: held });
  const proxies = new Proxies(config);
  const sessions = new Sessions({
    config,
    gate: openGate(ANYONE),
    proxies,
    quotas: NO_QUOTAS,
    parts: {
      ...{ callers: new Callers(config), proxies, answers, audit: NO_AUDIT, quotas: NO_QUOTAS },
      traffic: new Traffic(),
    },
    count,
    clock,
    guard,
    onMessage: (session, message) => act(session, Buffer.from(message).toString()),
    onEnded: (session, end) => ended.push({ session, end }),
    happened: () => undefined,
  });
  const app = uWS.App();
  sessions.mount(app);
  const port = await freePort();
  const socket = await new Promise<uWS.us_listen_socket | false>((resolve) =>
    app.listen('127.0.0.1', port, resolve),
  );
  t.teardown(() => {
    answers.close();
    sessions.close();
    if (socket !== false) uWS.us_listen_socket_close(socket);
    app.close();
  });
  const connect = async (protocol?: string): Promise<Client> => {
    const client = new Client(`ws://127.0.0.1:${port}/ws`, protocol);
    await once(client.socket, 'open');
    return client;
  };
  return { sessions, count, faults, ended, connect };
}

class Client {
  readonly socket: WebSocket;
  readonly frames: string[] = [];
  closed: number | null = null;

  constructor(url: string, protocol?: string) {
    this.socket = new WebSocket(url, protocol ?? []);
    this.socket.on('message', (data) => this.frames.push(...String(data).split('\u001e')));
    this.socket.on('close', (code) => {
      this.closed = code;
    });
  }
}

const disconnects = (client: Client): string[] =>
  client.frames.filter((frame) => frame.startsWith('{"type":"disconnect"'));

t.test('what throws ends its session with 1011, and no other', async (t) => {
  const { count, faults, ended, connect } = await rig((_session, text) => {
    if (text === 'bug') throw new RangeError('a bug');
  });
  const [bad, good] = [await connect(JSON_V1), await connect(JSON_V1)];
  good.socket.send('ok');
  bad.socket.send('bug');
  await eventually(() => bad.closed !== null);
  t.equal(bad.closed, 1011);
  t.equal(disconnects(bad).length, 1);
  t.same(faults, ['message']);
  t.same(
    ended.map(({ end }) => end),
    ['clean'],
  );
  t.equal(count.total, 1);
  t.equal(good.closed, null);
});

t.test('ended several times, also from within its own end, it ends once', async (t) => {
  const { count, ended, connect } = await rig((session) => {
    session.sendFrame(ANSWER);
    session.end(CLOSE.badRequest);
    session.end(CLOSE.slow);
    session.sendFrame({ type: 'acked', ref: 'late' });
    session.flush();
    session.broken();
  });
  const client = await connect(JSON_V1);
  client.socket.send('now');
  await eventually(() => client.closed !== null);
  t.equal(client.closed, 4501);
  t.same(client.frames.length, 2, 'what it was owed, and why it ends');
  t.equal(client.frames[0], '{"type":"acked","ref":"answer"}');
  t.equal(ended.length, 1);
  t.equal(count.total, 0);
});

t.test('answers that are not read end the session; it is told once it reads', async (t) => {
  const { sessions, count, faults, ended, connect } = await rig((session) => {
    for (let i = 0; i < MUCH; i++) session.sendFrame(LARGE);
  });
  const client = await connect(JSON_V1);
  client.socket.pause();
  client.socket.send('much');
  await eventually(() => ended.length === 1);
  t.equal(ended[0]?.session.state, 'closing');
  t.equal(count.total, 0);
  t.equal(sessions.receivers().next().done, true, 'it is released at once');
  client.socket.resume();
  await eventually(() => client.closed !== null);
  t.equal(client.closed, 4008);
  t.match(disconnects(client), [/"code":4008,"reason":"answers are not read"/]);
  await eventually(() => count.total === 0);
  t.same(faults, []);
  t.equal(ended.length, 1);
});

for (const [kind, protocol] of Object.entries({ seed: undefined, json: JSON_V1 })) {
  t.test(`${kind}: what a full socket refuses is kept, and comes in order`, async (t) => {
    let [told, handled, isLagging] = [0, 0, false];
    const { faults, connect } = await rig((session) => {
      handled++;
      isLagging = session.laggingSinceMs !== 0;
      // Each lot is less than may wait, two are more.
      for (let i = 0; i < 3 && !isLagging; i++) {
        session.sendFrame({ type: 'error', code: 'busy', message: PADDING, ref: told++ });
      }
    });
    const client = await connect(protocol);
    client.socket.pause();
    for (let asked = 1; !isLagging; asked++) {
      client.socket.send('more');
      await eventually(() => handled === asked);
    }
    client.socket.resume();
    await eventually(() => client.frames.length === told);
    const numbers = client.frames.map((frame) => (JSON.parse(frame) as { ref: number }).ref);
    const all = Array.from({ length: told }, (_, n) => n);
    t.same(numbers, all);
    t.same(faults, []);
    t.equal(client.closed, null);
    client.socket.close();
  });
}

t.test('only one that takes nothing until the write deadline is closed', async (t) => {
  let nowMs = 1_000;
  const lagging: Session[] = [];
  // Waiting for the socket: half of the buffer, and then MUCH. A drain leaves more than half.
  const { sessions, ended, connect } = await rig(
    (session) => {
      for (; session.hasRoom; session.flush()) session.sendFrame(LARGE);
      for (let i = 0; i < MUCH; i++) session.sendFrame(LARGE);
      session.flush();
      session.lagging();
      lagging.push(session);
    },
    { SEND_BUFFER_BYTES_MAX: String(64 * 1024 * 1024), WRITE_DEADLINE_MS: '1000' },
    { ...systemClock, monotonic: () => nowMs },
  );
  const client = await connect(JSON_V1);
  client.socket.pause();
  client.socket.send('much');
  await eventually(() => lagging.length > 0);
  const [session] = lagging;
  t.equal(session?.laggingSinceMs, 1_000);
  nowMs = 1_900;
  client.socket.on('message', () => {
    if (session?.laggingSinceMs !== 1_000) client.socket.pause();
  });
  client.socket.resume();
  await eventually(() => session?.laggingSinceMs !== 1_000);
  t.equal(session?.laggingSinceMs, 1_900, 'it took something');
  t.equal(session?.hasRoom, false);
  nowMs = 2_500;
  await eventually(() => sessions.nowMs === nowMs);
  t.equal(session?.state, 'open');
  nowMs = 3_500;
  await eventually(() => ended.length === 1);
  client.socket.removeAllListeners('message');
  client.socket.resume();
  await eventually(() => client.closed !== null);
  t.equal(client.closed, 4008);
});

t.test('one that never reads again is closed all the same', async (t) => {
  const { faults, ended, connect } = await rig((session) => {
    for (let i = 0; i < MUCH; i++) session.sendFrame(LARGE);
  });
  const client = await connect(JSON_V1);
  client.socket.pause();
  client.socket.send('much');
  await eventually(() => ended.length === 1);
  await eventually(() => ended[0]?.session.state === 'closed', 10_000);
  t.same(faults, []);
  t.equal(ended.length, 1);
  client.socket.resume();
  await eventually(() => client.closed !== null);
});

t.test('one whose socket is gone already is ended without a fault', async (t) => {
  const { count, faults, ended, connect } = await rig((session) => {
    session.sendFrame(ANSWER);
    session.terminate();
    session.terminate();
    session.end(CLOSE.slow);
    session.flush();
  });
  const client = await connect(JSON_V1);
  client.socket.send('now');
  await eventually(() => client.closed !== null);
  t.same(faults, []);
  t.equal(count.total, 0);
  t.equal(ended.length, 1);
});

for (const [what, bytes, expected] of [
  ['at the limit', 16_384, null],
  ['over the limit', 16_385, 1009],
  ['twice as large', 32_768, 1009],
] as const) {
  t.test(`a message ${what} is ${expected === null ? 'taken' : 'answered 1009'}`, async (t) => {
    const { faults, connect } = await rig((session) => session.sendFrame(ANSWER), {
      WS_MESSAGE_BYTES_MAX: '16384',
    });
    const client = await connect(JSON_V1);
    if (bytes % 2 === 0) client.socket.send('x'.repeat(bytes));
    else {
      client.socket.send('x'.repeat(bytes - 1), { fin: false });
      client.socket.send('x');
    }
    await eventually(() => client.frames.length > 0);
    if (expected === null) t.same(client.frames, ['{"type":"acked","ref":"answer"}']);
    else {
      await eventually(() => client.closed !== null);
      t.equal(client.closed, expected);
      t.match(disconnects(client), [/"code":1009,"reason":"message too large","reconnect":false/]);
    }
    t.same(faults, []);
  });
}
