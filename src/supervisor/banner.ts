/** What a started node prints on stdout: where it is, what its 200 is worth, lines to try. */
import type { Config } from '../config/config.js';

export interface BannerFacts {
  config: Config;
  version: string;
  /** Where the log lies, in words without secrets; null: in memory. */
  logPlace: string | null;
}

export function banner({ config, version, logPlace }: BannerFacts): string {
  const base = `${shownHost(config.host)}:${config.port}`;
  const durability =
    logPlace === null
      ? 'IN MEMORY: nothing survives a restart (set DATABASE_URL, or run npm start)'
      : `durable: ${logPlace}`;
  return [
    `Conduit ${version} listens on http://${base}`,
    `  log         ${durability}`,
    `  threads     ${config.acceptors} acceptor(s), ${config.workers} topic worker(s)`,
    '',
    'Try:',
    `  curl -X POST http://${base}/api/topics -H "Content-Type: application/json" -d '{"name":"demo"}'`,
    `  websocat ws://${base}/ws            then send: {"type":"subscribe","topic":"demo"}`,
    `  curl -N http://${base}/api/topics/demo/events`,
    `  curl -X POST http://${base}/api/publish -H "Content-Type: application/json" \\`,
    `    -d '{"topic":"demo","payload":{"hello":"world"}}'`,
    '',
  ].join('\n');
}

/** The host that people type. */
function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

export function describeEmbedded(postgres: {
  how: 'started' | 'adopted';
  dataDir: string;
}): string {
  const how = postgres.how === 'adopted' ? 'found running' : 'started';
  return `embedded PostgreSQL, ${how}, data in ${postgres.dataDir}`;
}
