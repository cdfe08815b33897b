// Goal: the address of a client is its socket's, unless that is a proxy that is trusted: then it is the last
// one in X-Forwarded-For that no trusted proxy has. Whoever writes the header himself gains nothing.
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import t from 'tap';
import { Proxies } from '../../../../src/acceptor/http/proxies.js';

const TRUSTED = '10.0.0.0/8,2001:db8::/32';

function requestOf(headers: readonly [name: string, value: string][]): HttpRequest {
  const req: Pick<HttpRequest, 'getHeader' | 'forEach'> = {
    getHeader: (name) => headers.find(([other]) => other === name)?.[1] ?? '',
    forEach: (use) => {
      for (const [name, value] of headers) use(name, value);
    },
  };
  return req as HttpRequest;
}

function responseOf(bytes: readonly number[]): HttpResponse {
  return { getRemoteAddress: () => Uint8Array.from(bytes).buffer } as unknown as HttpResponse;
}

const PROXY = [10, 0, 0, 1];
const STRANGER = [192, 0, 2, 9];
const CASES: readonly [what: string, socket: number[], forwarded: string[], client: string][] = [
  ['no header', PROXY, [], '10.0.0.1'],
  ['one client', PROXY, ['192.0.2.1'], '192.0.2.1'],
  ['two proxies', PROXY, ['192.0.2.1, 10.0.0.2'], '192.0.2.1'],
  ['what the client wrote itself stands in front', PROXY, ['1.1.1.1, 192.0.2.1'], '192.0.2.1'],
  ['in a header of its own, too', PROXY, ['1.1.1.1', '192.0.2.1'], '192.0.2.1'],
  ['a trusted address that the client wrote', PROXY, ['10.9.9.9, 192.0.2.1'], '192.0.2.1'],
  ['a port behind it', PROXY, ['192.0.2.1:4711'], '192.0.2.1'],
  ['IPv6', PROXY, ['2001:DB9::1'], '2001:db9::1'],
  ['IPv6 with a port', PROXY, ['[2001:db9::1]:80'], '2001:db9::1'],
  ['IPv4 within IPv6', PROXY, ['::ffff:192.0.2.1'], '192.0.2.1'],
  ['what is no address', PROXY, ['192.0.2.1, unknown'], '10.0.0.1'],
  ['what is no address, before a proxy', PROXY, ['unknown, 10.0.0.2'], '10.0.0.2'],
  ['only proxies', PROXY, ['10.0.0.3, 10.0.0.2'], '10.0.0.3'],
  ['nothing in it', PROXY, [''], '10.0.0.1'],
  ['a socket that is not trusted', STRANGER, ['192.0.2.1'], '192.0.2.9'],
  ['a socket that is gone', [], ['192.0.2.1'], ''],
];

for (const [what, socket, forwarded, client] of CASES) {
  t.test(what, async (t) => {
    const headers = forwarded.map((value): [string, string] => ['x-forwarded-for', value]);
    const proxies = new Proxies({ trustedProxies: TRUSTED, tlsCertFile: null });
    t.equal(proxies.clientOf(responseOf(socket), requestOf(headers)), client);
  });
}

t.test('without TRUSTED_PROXIES the header says nothing', async (t) => {
  const proxies = new Proxies({ trustedProxies: null, tlsCertFile: null });
  const req = requestOf([['x-forwarded-for', '192.0.2.1']]);
  t.equal(proxies.clientOf(responseOf(PROXY), req), '10.0.0.1');
});

t.test('whether the client speaks TLS is said by this node, or by a trusted proxy', async (t) => {
  const https = requestOf([['x-forwarded-proto', 'https']]);
  const plain = new Proxies({ trustedProxies: TRUSTED, tlsCertFile: null });
  t.equal(plain.schemeOf(responseOf(PROXY), https), 'https');
  t.equal(plain.schemeOf(responseOf(PROXY), requestOf([])), 'http');
  t.equal(plain.schemeOf(responseOf(STRANGER), https), 'http');
  const own = new Proxies({ trustedProxies: null, tlsCertFile: 'cert.pem' });
  t.equal(own.schemeOf(responseOf(STRANGER), requestOf([])), 'https');
});
