/** What nodes show each other on INTERNAL_PORT, as its three files have it: read once, at the start. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config/config.js';
import type { PemFiles } from '../thread/control.js';
import { StartRefused } from './start-refused.js';

type InternalConfig = Pick<Config, 'internalCaFile' | 'internalCertFile' | 'internalKeyFile'>;

/** Null: nothing. Rejects StartRefused. */
export async function internalTls(config: InternalConfig): Promise<PemFiles | null> {
  const { internalCaFile, internalCertFile, internalKeyFile } = config;
  if (internalCaFile === null || internalCertFile === null || internalKeyFile === null) return null;
  const files = {
    ca: await contentOf('INTERNAL_CA_FILE', internalCaFile),
    cert: await contentOf('INTERNAL_CERT_FILE', internalCertFile),
    key: await contentOf('INTERNAL_KEY_FILE', internalKeyFile),
  };
  try {
    createSecureContext(files);
  } catch (error) {
    throw new StartRefused(
      `INTERNAL_CA_FILE, INTERNAL_CERT_FILE, INTERNAL_KEY_FILE: cannot be used (${codeOf(error)})`,
    );
  }
  return files;
}

async function contentOf(name: string, file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new StartRefused(`${name}=${file}: cannot be read (${codeOf(error)})`);
  }
  // OpenSSL takes an authority that holds none, and then trusts nobody.
  if (text.includes('-----BEGIN ')) return text;
  throw new StartRefused(`${name}=${file}: holds nothing in PEM`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
