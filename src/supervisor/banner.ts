/** What a started node prints on stdout: where it is, what its 200 is worth, lines to try. */
import type { Config } from '../config/config.js';

export interface BannerFacts {
  config: Config;
  version: string;
  /** Where the log lies, in words without secrets; null: in memory. */
  logPlace: string | null;
  /** Shown here and nowhere else; null: none was made. */
  firstKey: string | null;
}

export function banner({ config, version, logPlace, firstKey }: BannerFacts): string {
  const key = config.enableAuth ? ' -H "X-API-Key: $CONDUIT_KEY"' : '';
  const url = urlOf(config);
  const wsUrl = url.replace('http', 'ws');
  return [
    `Conduit ${version} listens on ${url}`,
    `  dashboard   ${url}/`,
    `  log         ${logOf(logPlace)}`,
    `  threads     ${config.acceptors} acceptor(s), ${config.workers} topic worker(s)`,
    ...keyLines({ config, version, logPlace, firstKey }),
    '',
    'Try:',
    `  curl -X POST ${url}/api/topics${key} -H "Content-Type: application/json" -d '{"name":"demo"}'`,
    `  websocat${key.replace('-H ', '-H=')} ${wsUrl}/ws            then send: {"type":"subscribe","topic":"demo"}`,
    `  curl -N${key} ${url}/api/topics/demo/events`,
    `  curl -X POST ${url}/api/publish${key} -H "Content-Type: application/json" \\`,
    `    -d '{"topic":"demo","payload":{"hello":"world"}}'`,
    '',
  ].join('\n');
}

/** Where it is found. */
export function urlOf({ host, port, tlsCertFile }: Config): string {
  return `http${tlsCertFile === null ? '' : 's'}://${shownHost(host)}:${port}`;
}

/** What its 200 is worth. */
export function logOf(place: string | null): string {
  return place === null
    ? 'IN MEMORY: nothing survives a restart (set DATABASE_URL, or run npm start)'
    : `durable: ${place}`;
}

/** Who is asked for a key; null: nobody. */
export function authOf(config: Config, logPlace: string | null): string | null {
  if (!config.enableAuth) return null;
  const place = logPlace === null ? ['kept IN MEMORY'] : [];
  const operator = config.adminApiKey === null ? ['no operator: ADMIN_API_KEY is unset'] : [];
  return ['asked of everybody', ...place, ...operator].join('; ');
}

/** Who gets in, and how long keys last; nothing where nobody is asked for one. */
function keyLines({ config, logPlace, firstKey }: BannerFacts): string[] {
  const facts = authOf(config, logPlace);
  if (facts === null) return [];
  const shown = `  CONDUIT_KEY=${firstKey}   (of the default tenant; shown this once)`;
  return [`  API keys    ${facts}`, ...(firstKey === null ? [] : ['', shown])];
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
