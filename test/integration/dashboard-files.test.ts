// Goal: the dashboard is served as it was built: to browsers, at every path that is none of the API's,
// compressed, with a policy that lets nothing else in, its files to be kept for good; and it is small.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { sendRaw } from '../support/clients/raw-http.js';
import { makeClone } from '../support/nodes/clone.js';

/** Of JavaScript, gzipped: together, and before the first page can be used. */
const ALL_BYTES_MAX = 200 * 1_024;
const FIRST_BYTES_MAX = 120 * 1_024;

const BUILT = path.join(PACKAGE_FOLDER, 'dist/dashboard');
const page = readFileSync(path.join(BUILT, 'index.html'), 'utf8');
const assets = readdirSync(path.join(BUILT, 'assets'));
const scripts = assets.filter((name) => name.endsWith('.js'));
const WANTS = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

const node = await startNode();
t.teardown(() => node.kill9());

interface Got {
  status: number;
  headers: Headers;
  body: Buffer;
}

async function get(target: string, headers: Record<string, string> = {}): Promise<Got> {
  const answer = await fetch(`${node.url}${target}`, { headers });
  const body = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, headers: answer.headers, body };
}

/** Fetch would undo the coding. */
async function coded(target: string, coding: string): Promise<{ head: string; body: Buffer }> {
  const lines = [`GET ${target} HTTP/1.1`, 'Host: localhost', `Accept-Encoding: ${coding}`];
  const sent = `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`;
  const connection = await sendRaw(node.port, sent);
  const bytes = Buffer.from(connection.text(), 'latin1');
  const end = bytes.indexOf('\r\n\r\n');
  return { head: bytes.subarray(0, end).toString('latin1'), body: bytes.subarray(end + 4) };
}

t.test('a browser is shown the page at each path that has no route', async (t) => {
  for (const target of ['/', '/topics', '/topics/orders.created', '/messages?topic=a&mode=live']) {
    const { status, headers, body } = await get(target, WANTS);
    t.equal(status, 200, target);
    t.equal(headers.get('content-type'), 'text/html; charset=utf-8');
    t.equal(body.toString('utf8'), page);
    t.equal(headers.get('cache-control'), 'no-cache', 'it is asked for anew');
  }
});

t.test('whoever wants no page is answered as before', async (t) => {
  const { headers, body } = await get('/');
  t.equal(headers.get('content-type'), 'application/json');
  t.match(JSON.parse(body.toString('utf8')), { name: 'conduit' });
  const { status } = await get('/topics');
  t.equal(status, 404);
});

t.test('a path of the API that is not there is no page, whoever asks', async (t) => {
  for (const target of [
    '/api/none',
    '/api',
    '/api/topics/none',
    '/assets/none.js',
    '/internal/x',
  ]) {
    const { status, headers } = await get(target, WANTS);
    t.equal(status, 404, target);
    t.equal(headers.get('content-type'), 'application/problem+json');
  }
  const posted = await fetch(`${node.url}/topics`, { method: 'POST', headers: WANTS });
  t.equal(posted.status, 404);
});

t.test('its policy lets in what is its own, and the one script that stands in it', async (t) => {
  const { headers } = await get('/', WANTS);
  const policy = headers.get('content-security-policy') ?? '';
  t.notMatch(policy, /unsafe|\*|https?:/);
  const inline = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)];
  t.equal(inline.length, 1);
  const hash = createHash('sha256')
    .update(inline[0]?.[1] ?? '')
    .digest('base64');
  t.ok(policy.includes(`script-src 'self' 'sha256-${hash}'`), policy);
  for (const directive of ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'"]) {
    t.ok(policy.includes(directive), directive);
  }
  t.notMatch(page, / style=| on[a-z]+=/, 'nothing in it needs more');
});

t.test('files are kept for good, and are what was built', async (t) => {
  t.ok(scripts.length > 3);
  for (const name of assets.filter((one) => /\.(js|css|svg)$/.test(one))) {
    const { status, headers, body } = await get(`/assets/${name}`);
    t.equal(status, 200, name);
    t.equal(headers.get('cache-control'), 'public, max-age=31536000, immutable');
    t.equal(headers.get('x-content-type-options'), 'nosniff');
    t.match(name, /-[\w-]{8}\.\w+$/, 'its name has the hash of what it holds');
    t.ok(body.equals(readFileSync(path.join(BUILT, 'assets', name))), name);
  }
});

t.test('each client gets the coding that it takes', async (t) => {
  const name = scripts.find((one) => one.startsWith('index-')) ?? '';
  const plain = readFileSync(path.join(BUILT, 'assets', name));
  const br = await coded(`/assets/${name}`, 'gzip, deflate, br');
  t.match(br.head, /^Content-Encoding: br\r?$/m);
  t.ok(brotliDecompressSync(br.body).equals(plain));
  const gzip = await coded(`/assets/${name}`, 'gzip');
  t.match(gzip.head, /^Content-Encoding: gzip\r?$/m);
  t.ok(gunzipSync(gzip.body).equals(plain));
  const weighed = await coded(`/assets/${name}`, 'br;q=0.9, gzip;q=0.5');
  t.match(weighed.head, /^Content-Encoding: br\r?$/m);
  for (const coding of ['identity', 'br;q=0, gzip;q=0', 'zstd']) {
    const { head, body } = await coded(`/assets/${name}`, coding);
    t.notMatch(head, /Content-Encoding/, coding);
    t.ok(body.equals(plain), coding);
  }
});

t.test('it is small', async (t) => {
  const sizeOf = (name: string): number =>
    gzipSync(readFileSync(path.join(BUILT, 'assets', name))).length;
  const sum = (names: readonly string[]): number =>
    names.reduce((bytes, name) => bytes + sizeOf(name), 0);
  // Those that the page names, with what they import before they run.
  const first = [...page.matchAll(/assets\/([\w.-]+\.js)/g)].map(([, name = '']) => name);
  t.ok(first.length > 0);
  t.ok(sum(first) <= FIRST_BYTES_MAX, `${sum(first)} bytes before the first page can be used`);
  t.ok(sum(scripts) <= ALL_BYTES_MAX, `${sum(scripts)} bytes together`);
  for (const name of first) {
    const text = readFileSync(path.join(BUILT, 'assets', name), 'utf8');
    const more = [...text.matchAll(/from\s*["']\.\/([\w.-]+\.js)["']/g)].map(([, one = '']) => one);
    t.same(
      more.filter((one) => !first.includes(one)),
      [],
      `${name} imports nothing unforeseen`,
    );
  }
});

t.test('a package without it serves all else', async (t) => {
  const clone = await makeClone();
  t.teardown(() => clone.remove());
  const other = await startNode({}, { program: clone.program });
  t.teardown(() => other.kill9());
  const greeted = await fetch(other.url, { headers: WANTS });
  t.equal(greeted.headers.get('content-type'), 'application/json');
  t.equal((await fetch(`${other.url}/topics`, { headers: WANTS })).status, 404);
});
