// Goal: an endpoint is called at addresses that were checked, the very ones; names that lead inside, and
// names that lead somewhere else at the next look, reach nothing. What answers come to.

import type { LookupAddress } from 'node:dns';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { Endpoint } from '../../../../src/acceptor/webhooks/endpoint.js';
import { type Outcome, retryAfterMs } from '../../../../src/acceptor/webhooks/outcome.js';
import { OutsideAddresses } from '../../../../src/core/outside-addresses.js';
import { startWebhookServer } from '../../../support/servers/webhook-server.js';

const HEADERS = { 'content-type': 'application/json' };
const BODY = Buffer.from('1');

function endpointOf(
  url: string,
  {
    allow,
    resolve,
    timeoutMs = 60_000,
  }: {
    allow: string | null;
    resolve: () => LookupAddress[] | Promise<LookupAddress[]>;
    timeoutMs?: number;
  },
): Endpoint {
  const outside = new OutsideAddresses(allow);
  return new Endpoint({
    ...{ url, concurrency: 1, timeoutMs, retryAfterMsMax: 60_000, now: Date.now },
    mayCall: (address) => outside.mayCall(address),
    resolve: async () => resolve(),
  });
}

const v4 = (address: string): LookupAddress => ({ address, family: 4 });

t.test('a name that leads inside is not called, nor are the rest of its addresses', async (t) => {
  const server = await startWebhookServer(t);
  const url = server.url.replace('127.0.0.1', 'inside.example');
  const names: LookupAddress[][] = [
    [v4('127.0.0.1')],
    [v4('93.184.215.14'), v4('127.0.0.1')],
    [v4('127.0.0.1'), v4('93.184.215.14')],
    [{ address: '::ffff:127.0.0.1', family: 6 }],
    [{ address: '::1', family: 6 }],
    [v4('169.254.169.254')],
  ];
  for (const addresses of names) {
    const endpoint = endpointOf(url, { allow: null, resolve: () => addresses });
    t.match(await endpoint.post(HEADERS, BODY), { what: 'failed', kind: 'address' });
    endpoint.close();
  }
  t.equal(server.requests.length, 0);
});

t.test('it is looked up once, and connected to what was looked at', async (t) => {
  const server = await startWebhookServer(t);
  let looks = 0;
  const url = server.url.replace('127.0.0.1', 'rebinding.example');
  const endpoint = endpointOf(url, {
    allow: '127.0.0.1',
    // Public at the first look, something else at the second one.
    resolve: () => [v4(looks++ === 0 ? '127.0.0.1' : '127.0.0.2')],
  });
  t.teardown(() => endpoint.close());
  t.same(await endpoint.post(HEADERS, BODY), { what: 'taken' });
  t.same(await endpoint.post(HEADERS, BODY), { what: 'taken' });
  t.equal(looks, 1, 'the connection is kept');
  t.equal(server.requests.length, 2);
  t.equal(server.requests[0]?.headers.host, new URL(url).host);
});

t.test('an address of a URL is looked at without a look-up', async (t) => {
  const server = await startWebhookServer(t);
  const resolve = (): LookupAddress[] => t.fail('looked up') as never;
  const endpoint = endpointOf(server.url, { allow: null, resolve });
  t.match(await endpoint.post(HEADERS, BODY), { kind: 'address', reason: /WEBHOOK_ALLOW/ });
  endpoint.close();
  const allowed = endpointOf(server.url, { allow: '127.0.0.0/8', resolve });
  t.same(await allowed.post(HEADERS, BODY), { what: 'taken' });
  allowed.close();
  t.equal(server.requests.length, 1);
});

t.test('what answers come to', async (t) => {
  const later = { 'retry-after': '7' };
  const cases: readonly [status: number, headers: Record<string, string>, Partial<Outcome>][] = [
    [200, {}, { what: 'taken' }],
    [204, {}, { what: 'taken' }],
    [410, {}, { what: 'gone' }],
    [429, later, { what: 'failed', kind: 'retry_after', afterMs: 7_000 } as Outcome],
    [503, { 'retry-after': '9999999' }, { what: 'failed', afterMs: 60_000 } as Outcome],
    [503, { 'retry-after': 'soon' }, { what: 'failed', kind: 'status', afterMs: null } as Outcome],
    [429, {}, { what: 'failed', kind: 'status', afterMs: null } as Outcome],
    [500, later, { what: 'failed', kind: 'status', afterMs: null } as Outcome],
    [404, {}, { what: 'failed', kind: 'status' } as Outcome],
    [301, { location: 'http://127.0.0.1/' }, { what: 'failed', kind: 'redirect' } as Outcome],
    [307, { location: '/elsewhere' }, { what: 'failed', kind: 'redirect' } as Outcome],
  ];
  const replies = cases.map(([status, headers]) => ({ status, headers }));
  const server = await startWebhookServer(t, () => replies.shift() ?? { status: 599 });
  const endpoint = endpointOf(server.url, { allow: '127.0.0.1', resolve: () => [] });
  t.teardown(() => endpoint.close());
  for (const [status, , outcome] of cases) {
    t.match(await endpoint.post(HEADERS, BODY), outcome, `${status}`);
  }
  t.equal(server.requests.length, cases.length, 'no redirect was followed');
  server.reply = () => 'hang';
  const hurried = endpointOf(server.url, {
    ...{ allow: '127.0.0.1', resolve: () => [], timeoutMs: 200 },
  });
  t.teardown(() => hurried.close());
  t.match(await hurried.post(HEADERS, BODY), { kind: 'timeout', reason: /200 ms/ });
  server.close();
  t.match(await endpoint.post(HEADERS, BODY), { kind: 'connection', reason: /ECONNREFUSED/ });
});

t.test('whatever becomes of the rest of an answer, its head has said it', async (t) => {
  const cases: Record<string, http.RequestListener> = {
    'a body that stops': (_req, res) => res.writeHead(200).write('some'),
    'a body that breaks off': (_req, res) => {
      res.writeHead(200, { 'content-length': '100' }).write('some', () => res.destroy());
    },
    'a head before the head': (_req, res) => {
      res.writeEarlyHints({ link: '</hook.css>; rel=preload' });
      res.writeHead(200).end();
    },
  };
  for (const [what, listener] of Object.entries(cases)) {
    let connections = 0;
    const server = http.createServer(listener);
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const endpoint = endpointOf(`http://127.0.0.1:${port}/`, {
      ...{ allow: '127.0.0.1', resolve: () => [], timeoutMs: 500 },
    });
    for (let n = 1; n <= 2; n++) {
      t.same(await endpoint.post(HEADERS, BODY), { what: 'taken' }, `${what}, ${n}`);
    }
    t.equal(connections, what === 'a head before the head' ? 1 : 2, `${what}: connections`);
    endpoint.close();
    server.close();
    server.closeAllConnections();
  }
});

t.test('what has had no connection in its time is not sent when there is one', async (t) => {
  const server = await startWebhookServer(t);
  const url = server.url.replace('127.0.0.1', 'slow.example');
  let found: (addresses: LookupAddress[]) => void = () => undefined;
  const endpoint = endpointOf(url, {
    allow: '127.0.0.1',
    resolve: () =>
      new Promise((resolve) => {
        found = resolve;
      }),
    timeoutMs: 400,
  });
  t.teardown(() => endpoint.close());
  t.match(await endpoint.post(HEADERS, BODY), { kind: 'timeout', reason: /400 ms/ });
  const next = endpoint.post({ ...HEADERS, 'conduit-sequence': '2' }, BODY);
  found([v4('127.0.0.1')]);
  await next;
  t.same(
    server.requests.map(({ sequence }) => sequence).filter((sequence) => sequence !== 2),
    [],
  );
});

t.test('of an endless answer its head counts, and no more is read than is bounded', async (t) => {
  let written = 0;
  const server = http.createServer((_req, res) => {
    res.writeHead(200);
    const more = (): void => {
      while (!res.destroyed && res.write(Buffer.alloc(16_384))) written += 16_384;
      if (!res.destroyed) res.once('drain', more);
    };
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const endpoint = endpointOf(`http://127.0.0.1:${port}/`, {
    ...{ allow: '127.0.0.1', resolve: () => [] },
  });
  t.teardown(() => endpoint.close());
  t.same(await endpoint.post(HEADERS, BODY), { what: 'taken' });
  t.ok(written < 64 * 1024 * 1024, `${written}`);
});

t.test('Retry-After: seconds or a date', async (t) => {
  t.equal(retryAfterMs('120', 0), 120_000);
  t.equal(retryAfterMs('Thu, 01 Jan 1970 00:01:00 GMT', 10_000), 50_000);
  t.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:01 GMT', 10_000), 0, 'it has passed');
  for (const value of [undefined, '', 'soon', '-1', '1.5x', ['1', '2']]) {
    t.equal(retryAfterMs(value, 0), null, String(value));
  }
});
