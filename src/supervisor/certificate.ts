/**
 * The certificate that the node shows, as its two files have it: read and checked by the main thread before
 * any acceptor is told to use it. What is wrong is one line that names the variable.
 */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config/config.js';
import { StartRefused } from './start-refused.js';

const PEM = '-----BEGIN CERTIFICATE-----';

export interface Certificate {
  /** Another one when either file has changed. */
  digest: string;
  /** When it ends, in words. */
  validTo: string;
  /** What the operator is to know of it, one line each. */
  warnings: string[];
}

export type TlsConfig = Pick<Config, 'tlsCertFile' | 'tlsKeyFile'>;

/** Null: the node speaks no TLS. Rejects StartRefused. */
export async function readCertificate(config: TlsConfig): Promise<Certificate | null> {
  const { tlsCertFile, tlsKeyFile } = config;
  if (tlsCertFile === null || tlsKeyFile === null) return null;
  const [cert, key] = [`TLS_CERT_FILE=${tlsCertFile}`, `TLS_KEY_FILE=${tlsKeyFile}`];
  const chain = await contentOf(tlsCertFile, cert);
  const secret = await contentOf(tlsKeyFile, key);
  const shown = certificateIn(chain, cert);
  if (!shown.checkPrivateKey(keyIn(secret, key))) {
    throw new StartRefused(`${key}: is not the key of the certificate in TLS_CERT_FILE`);
  }
  refuseUnusable(chain, secret, cert);
  const isOver = Date.parse(shown.validTo) < Date.now();
  return {
    digest: createHash('sha256').update(chain).update(secret).digest('hex'),
    validTo: shown.validTo,
    warnings: isOver ? [`${cert}: the certificate was valid until ${shown.validTo}`] : [],
  };
}

async function contentOf(file: string, name: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new StartRefused(`${name}: cannot be read (${codeOf(error)})`);
  }
}

function certificateIn(chain: Buffer, name: string): X509Certificate {
  try {
    if (!chain.includes(PEM)) throw new Error('DER, or none');
    return new X509Certificate(chain);
  } catch {
    throw new StartRefused(`${name}: holds no certificate in PEM`);
  }
}

function keyIn(secret: Buffer, name: string): KeyObject {
  try {
    return createPrivateKey(secret);
  } catch {
    throw new StartRefused(`${name}: holds no private key in PEM without a passphrase`);
  }
}

/** The first is read already; those behind it may be broken. */
function refuseUnusable(cert: Buffer, key: Buffer, name: string): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new StartRefused(`${name}: the chain of certificates cannot be used (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
