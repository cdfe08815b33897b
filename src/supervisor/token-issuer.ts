/**
 * The operator's issuer of tokens as it is configured: where its keys come from, and whom trouble is told.
 * Without one nothing of it is loaded.
 */
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/config.js';
import { systemClock } from '../core/clock.js';
import { messageOf } from '../log/contract/log-errors.js';
import type { Logger } from '../observe/logger.js';
import type { Issuer } from '../tenant/issuer.js';
import type { IssuerKeys } from '../tenant/issuer-keys.js';
import { StartRefused } from './start-refused.js';

const FETCH_MS = 3_000;
const SET_BYTES_MAX = 262_144;

/** Null: none is configured. Rejects StartRefused for a file that cannot be used. */
export async function openIssuer(config: Config, logger: Logger): Promise<Issuer | null> {
  if (config.jwtIssuer === null) return null;
  const { Issuer } = await import('../tenant/issuer.js');
  const keys = await openKeys(config, logger);
  const onRefused = (why: string): void => logger.tell('tokens.refused', { cause: why });
  return new Issuer({ config, clock: systemClock, keys, onRefused });
}

async function openKeys(config: Config, logger: Logger): Promise<IssuerKeys | null> {
  const { jwtJwksFile: file, jwtJwksUrl: url, limits } = config;
  const variable = file === null ? 'JWT_JWKS_URL' : 'JWT_JWKS_FILE';
  const onTrouble = (why: string): void =>
    logger.tell('tokens.not_read', { cause: `${variable}: ${why}` });
  const freshMs = limits.jwtRecheckS * 1_000;
  const { IssuerKeys } = await import('../tenant/issuer-keys.js');
  const common = {
    ...{ clock: systemClock, onTrouble },
    ...{ refetchMs: Math.min(limits.jwksRefetchS * 1_000, freshMs), freshMs },
  };
  if (file !== null) {
    const keys = new IssuerKeys({ ...common, load: () => readSet(file) });
    await keys.first().catch((error: unknown) => {
      keys.close();
      throw new StartRefused(`${variable}=${file}: ${messageOf(error)}`);
    });
    return keys;
  }
  if (url === null) return null;
  const keys = new IssuerKeys({ ...common, load: () => fetchSet(url) });
  // The issuer may come up later than the node: whoever shows a token of it asks again.
  keys.first().catch((error: unknown) => onTrouble(messageOf(error)));
  return keys;
}

async function readSet(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Error(`cannot be read (${code})`);
  }
}

/** From there alone: whoever answers cannot send the node elsewhere. */
async function fetchSet(url: string): Promise<string> {
  const signal = AbortSignal.timeout(FETCH_MS);
  const headers = { accept: 'application/jwk-set+json, application/json' };
  const answer = await fetch(url, { redirect: 'error', signal, headers }).catch(
    (error: unknown) => {
      throw new Error(`cannot be fetched: ${messageOf(error)}`);
    },
  );
  if (answer.status !== 200 || answer.body === null) {
    await answer.body?.cancel();
    throw new Error(`answered ${answer.status}`);
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer.body) {
    bytes += part.length;
    if (bytes > SET_BYTES_MAX) throw new Error(`has more than ${SET_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
