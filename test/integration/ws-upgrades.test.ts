// Goal: a request for a WebSocket that is none, or one that nobody here speaks, is answered by HTTP, quickly,
// and opens nothing. Without a key, and with bad ones: keys.test.ts and authorization.test.ts; Origins:
// callers.test.ts; tokens in the place of a subprotocol: tokens-refused.test.ts.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { openRaw } from '../support/clients/raw-http.js';

const node = await startNode({ WORKERS: '1' });
t.teardown(() => node.kill9());

/** Lines of a good one. */
const GOOD: Readonly<Record<string, string>> = {
  Host: 'a',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version': '13',
};
const OFFER = 'permessage-deflate; client_max_window_bits';

interface Asked {
  what: string;
  /** Absent: as in a good one; null: without it. */
  lines: Readonly<Record<string, string | null>>;
  /** Where there are two: by the uWebSockets of the Node. */
  status: number | number[];
  line?: string;
  /** Of the answer: its code, or a header. */
  says?: RegExp;
}

const protocol = (value: string): Asked['lines'] => ({ 'Sec-WebSocket-Protocol': value });
const extensions = (value: string): Asked['lines'] => ({ 'Sec-WebSocket-Extensions': value });
const CHOSEN = /\r\nSec-WebSocket-Protocol: conduit\.json\.v1\r\n/i;

const UPGRADES: readonly Asked[] = [
  { what: 'a good one', lines: {}, status: 101 },
  { what: 'no Upgrade', lines: { Upgrade: null }, status: 400, says: /"field":"Upgrade"/ },
  { what: 'to something else', lines: { Upgrade: 'h2c' }, status: 400, says: /"field":"Upgrade"/ },
  {
    what: 'in capitals',
    lines: { Upgrade: 'WebSocket', Connection: 'keep-alive, UPGRADE' },
    status: 101,
  },
  { what: 'no Connection', lines: { Connection: null }, status: 400, says: /"field":"Connection"/ },
  { what: 'Connection without it', lines: { Connection: 'upgraded' }, status: 400 },
  {
    what: 'version 12',
    lines: { 'Sec-WebSocket-Version': '12' },
    status: 400,
    says: /bad_upgrade/,
  },
  { what: 'no version', lines: { 'Sec-WebSocket-Version': null }, status: 400 },
  { what: 'no key', lines: { 'Sec-WebSocket-Key': null }, status: 426 },
  { what: 'a short key', lines: { 'Sec-WebSocket-Key': 'short' }, status: 426 },
  {
    what: 'a key that is no base64',
    lines: { 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' },
    ...{ status: 400, says: /"field":"Sec-WebSocket-Key"/ },
  },
  { what: 'by POST', lines: {}, line: 'POST /ws', status: 405 },
  { what: 'elsewhere', lines: {}, line: 'GET /api/topics', status: 200 },
  { what: 'an unknown subprotocol', lines: protocol('mqtt'), status: 400, says: /bad_upgrade/ },
  { what: 'one that looks like ours', lines: protocol('conduit.json.v1x'), status: 400 },
  { what: 'in other letters', lines: protocol('Conduit.JSON.v1'), status: 400 },
  {
    what: 'one of ours among others',
    lines: protocol('a, conduit.json.v1'),
    status: 101,
    says: CHOSEN,
  },
  { what: 'commas alone', lines: protocol(',,,'), status: 400 },
  { what: 'spaces alone, 3 KB', lines: protocol(`a${' '.repeat(3_000)}b`), status: 400 },
  { what: 'bytes that are no text', lines: protocol('a\xff\xfe'), status: 400 },
  { what: 'spaces, 64 KB', lines: protocol(`a${' '.repeat(65_536)}b`), status: [400, 431] },
  { what: 'an offer', lines: extensions(OFFER), status: 101 },
  { what: 'sixty offers', lines: extensions(Array(60).fill(OFFER).join(', ')), status: 101 },
  { what: 'an offer without sense', lines: extensions(';;,=,;="'), status: 101 },
  {
    what: 'an impossible window',
    lines: extensions('permessage-deflate; server_max_window_bits=99'),
    status: 101,
  },
  {
    what: 'a thousand offers',
    lines: extensions(Array(1_000).fill(OFFER).join(', ')),
    status: [101, 431],
  },
];

t.test('upgrades that are none, and odd ones', async (t) => {
  for (const { what, lines, status, line = 'GET /ws', says } of UPGRADES) {
    const headers = Object.entries({ ...GOOD, ...lines })
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `${name}: ${value}\r\n`);
    const raw = openRaw(node.port);
    raw.socket.write(`${line} HTTP/1.1\r\n${headers.join('')}\r\n`, 'latin1');
    await eventually(() => raw.text().includes('\r\n\r\n'));
    const [answered] = raw.statuses();
    t.ok([status].flat().includes(answered ?? 0), `${what}: ${answered}`);
    if (says !== undefined) t.match(raw.text(), says, what);
    t.notMatch(raw.text(), /Sec-WebSocket-Extensions/i, `${what}: no extension`);
    raw.socket.destroy();
  }
  const stats = async () => (await (await fetch(`${node.url}/api/stats`)).json()) as object;
  await eventually(async () => ((await stats()) as { sessions: number }).sessions === 0);
});
