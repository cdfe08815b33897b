/**
 * The defaults of `conduit start`, where they are not those of the table: whoever tries a node out on
 * their own machine serves that machine only, and the pages in their browser are no clients of it. A HOST
 * that other machines reach is a decision to serve them, and then the table holds.
 */
import { isLoopback } from '../core/host-name.js';
import type { Environment } from './environment.js';

/** By variable. */
export const LOCAL_DEFAULTS: Readonly<Record<string, string>> = {
  HOST: '127.0.0.1',
  CORS_ORIGIN: 'loopback',
  ALLOWED_HOSTS: 'loopback',
};

/** The environment with these defaults where it says nothing else. */
export function withLocalDefaults(env: Environment): Environment {
  const { HOST: host } = env;
  if (host !== undefined && !isLoopback(host.toLowerCase())) return env;
  const missing = Object.entries(LOCAL_DEFAULTS).filter(([name]) => env[name] === undefined);
  return { ...env, ...Object.fromEntries(missing) };
}
