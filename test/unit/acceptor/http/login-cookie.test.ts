// Goal: the cookie of a login counts for pages of this node, and of origins that CORS_ORIGIN has by name,
// scheme and port included; for no other page, whatever is let in without a cookie. The browser is told to
// show it to no script, and to no other site.
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import t from 'tap';
import { Callers } from '../../../../src/acceptor/http/callers.js';
import { LoginCookies } from '../../../../src/acceptor/http/login-cookie.js';
import { Proxies } from '../../../../src/acceptor/http/proxies.js';
import { makeLogin } from '../../../../src/core/api-key.js';

const LOGIN = makeLogin().text;
const PROXY = [10, 0, 0, 1];
const STRANGER = [192, 0, 2, 9];

interface Case {
  corsOrigin?: string;
  tlsCertFile?: string;
  host?: string;
  origin: string;
  /** X-Forwarded-Proto, of the proxy that is trusted, or of a stranger. */
  said?: string;
  by?: number[];
}

function cookiesOf({ corsOrigin = '*', tlsCertFile }: Case): LoginCookies {
  const config = { corsOrigin, allowedHosts: '*', tlsCertFile: tlsCertFile ?? null };
  const proxies = new Proxies({ trustedProxies: '10.0.0.0/8', tlsCertFile: config.tlsCertFile });
  return new LoginCookies({ callers: new Callers(config), proxies });
}

function requestOf({ host = 'node.example:8080', said = '' }: Case, cookie: string): HttpRequest {
  const headers: Record<string, string> = { host, cookie, 'x-forwarded-proto': said };
  const getHeader: HttpRequest['getHeader'] = (name) =>
    headers[typeof name === 'string' ? name : Buffer.from(name as Uint8Array).toString()] ?? '';
  return { getHeader } as unknown as HttpRequest;
}

function shown(one: Case, cookie = `a=1; conduit_session=${LOGIN}; b=2`): string {
  const { origin, by = PROXY } = one;
  const res = { getRemoteAddress: () => Uint8Array.from(by).buffer } as unknown as HttpResponse;
  return cookiesOf(one).shown({ origin, res }, requestOf(one, cookie));
}

const OURS: [what: string, one: Case][] = [
  ['no page', { origin: '' }],
  ['its own', { origin: 'http://node.example:8080' }],
  ['its own, at the port of its scheme', { origin: 'http://node.example', host: 'node.example' }],
  ['its own by TLS', { origin: 'https://node.example:8080', tlsCertFile: 'c' }],
  ['its own behind TLS of a proxy', { origin: 'https://node.example:8080', said: 'https' }],
  [
    'one that is named',
    { origin: 'https://b.example', corsOrigin: 'https://a.example,https://b.example' },
  ],
];

const NOT_OURS: [what: string, one: Case][] = [
  ['any', { origin: 'http://evil.example' }],
  ['no origin that can be named', { origin: 'null' }],
  ['another port', { origin: 'http://node.example:8081' }],
  ['another scheme', { origin: 'https://node.example:8080' }],
  ['plain, where the browser speaks TLS', { origin: 'http://node.example:8080', tlsCertFile: 'c' }],
  ['plain, behind TLS of a proxy', { origin: 'http://node.example:8080', said: 'https' }],
  [
    'by a scheme that a stranger says',
    { origin: 'https://node.example:8080', said: 'https', by: STRANGER },
  ],
  ['a name that begins with its own', { origin: 'http://node.example:8080.evil.example' }],
  ['a name that ends with its own', { origin: 'http://evilnode.example:8080' }],
  ['a name below its own', { origin: 'http://a.node.example:8080' }],
  ['with a path', { origin: 'http://node.example:8080/' }],
  ['in another case', { origin: 'HTTP://NODE.EXAMPLE:8080' }],
  [
    'a page of the machine, which may ask',
    { origin: 'http://localhost:3000', corsOrigin: 'loopback' },
  ],
  [
    'one that begins with one that is named',
    { origin: 'https://a.example.evil', corsOrigin: 'https://a.example' },
  ],
  [
    'another port of one that is named',
    { origin: 'https://a.example:444', corsOrigin: 'https://a.example' },
  ],
  ['a Host that is none', { origin: 'http://', host: '' }],
];

t.test('for whom it counts', async (t) => {
  for (const [what, one] of OURS) t.equal(shown(one), LOGIN, what);
});

t.test('for whom it does not', async (t) => {
  for (const [what, one] of NOT_OURS) t.equal(shown(one), '', what);
});

t.test('what is no login is none', async (t) => {
  const own = { origin: '' };
  for (const cookie of [
    ...['', 'conduit_session', 'conduit_session=', `conduit_sessions=${LOGIN}`, `x${LOGIN}`],
    ...[`conduit_session=cdt_${LOGIN.slice(4)}`, `a=conduit_session=${LOGIN}`],
    `conduit_session=x; conduit_session=${LOGIN}`,
  ]) {
    t.equal(shown(own, cookie), '', cookie.slice(0, 30));
  }
});

t.test('what the browser is told', async (t) => {
  const made = (one: Case): string => {
    const { by = PROXY } = one;
    const res = { getRemoteAddress: () => Uint8Array.from(by).buffer } as unknown as HttpResponse;
    return cookiesOf(one).made({ res }, requestOf(one, ''))(LOGIN, 61_900);
  };
  const plain = `conduit_session=${LOGIN}; Max-Age=61; Path=/; HttpOnly; SameSite=Strict`;
  t.equal(made({ origin: '' }), plain);
  t.equal(made({ origin: '', said: 'https' }), `${plain}; Secure`);
  t.equal(made({ origin: '', tlsCertFile: 'c' }), `${plain}; Secure`);
  t.equal(made({ origin: '', said: 'https', by: STRANGER }), plain);
  const gone = cookiesOf({ origin: '' }).gone;
  t.equal(gone, 'conduit_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict');
});
