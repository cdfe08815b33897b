/**
 * An issuer of JWTs for tests: its keys, the tokens that it signs, and the HTTP server that has its public
 * keys, which can be told to answer other things. Made with `jose`, as a customer would.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export const ISSUER = 'https://login.example.com/';
export const AUDIENCE = 'conduit';
export const SHARED_SECRET = 'a secret of thirty-two bytes, or more';

type PrivateKey = Parameters<InstanceType<typeof SignJWT>['sign']>[0];

export interface SigningKey {
  alg: string;
  kid: string;
  key: PrivateKey;
  /** For the set. */
  open: JWK;
}

/** What a token says; members of `claims` that are undefined are left out. */
export interface Said {
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
}

export async function makeSigningKey(
  alg: 'EdDSA' | 'RS256' | 'ES256',
  kid: string,
): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, key: privateKey, open: { ...(await exportJWK(publicKey)), kid, alg } };
}

/** With the shared secret. */
export function secretKey(text = SHARED_SECRET): SigningKey {
  return { alg: 'HS256', kid: 'shared', key: Buffer.from(text), open: {} };
}

export function nowS(): number {
  return Math.floor(Date.now() / 1_000);
}

/** Good for an hour, to subscribe to `orders.*`, unless something else is said. */
export function signToken({ alg, kid, key }: SigningKey, said: Said = {}): Promise<string> {
  const claims = {
    ...{ iss: ISSUER, aud: AUDIENCE, sub: 'user-1', exp: nowS() + 3_600 },
    conduit: { topics: ['orders.*'] },
    ...said.claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(claims)) as Record<string, unknown>)
    .setProtectedHeader({ alg, kid, ...said.header })
    .sign(key);
}

/** Parts as they are, signed by nobody. */
export function unsigned(header: object, claims: object, signature = ''): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.${signature}`;
}

export interface KeySetServer {
  url: string;
  /** How often it was asked. */
  asked: () => number;
  /** What it answers from now on. */
  answer: (how: (request: IncomingMessage, response: ServerResponse) => void) => void;
  /** Answers with the set of these. */
  publish: (...keys: readonly SigningKey[]) => void;
  close: () => Promise<void>;
}

export async function startKeySet(...keys: readonly SigningKey[]): Promise<KeySetServer> {
  let asked = 0;
  let how: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  const server = createServer((request, response) => {
    asked++;
    how(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const publish = (...shown: readonly SigningKey[]): void => {
    const body = JSON.stringify({ keys: shown.map(({ open }) => open) });
    how = (_request, response) => response.end(body);
  };
  publish(...keys);
  return {
    url: `http://127.0.0.1:${port}/keys.json`,
    asked: () => asked,
    answer: (other) => {
      how = other;
    },
    publish,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
