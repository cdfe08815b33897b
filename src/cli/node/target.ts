/** Which node a command is about, and with which key: by options and environment. */
import { CLIENT_VARIABLES, contextVariable } from '../../config/client-variables.js';
import type { Environment } from '../../config/environment.js';
import { wrongLine } from '../terminal/failure.js';

const DEFAULT_URL = 'http://localhost:8080';
const CONTEXT = /^[A-Za-z0-9_-]{1,64}$/;

export interface NodeTarget {
  /** Without a slash at the end. */
  readonly url: string;
  readonly apiKey: string | null;
}

export interface TargetOptions {
  readonly url: string | null;
  readonly context: string | null;
}

/** Throws CommandFailure (2), which shows no key. */
export function targetOf(env: Environment, options: TargetOptions): NodeTarget {
  const { url, apiKey } = contextOf(env, options);
  const key = env[apiKey] ?? null;
  if (key !== null && (key === '' || /[^\x21-\x7e]/.test(key))) {
    throw wrongLine(`${apiKey}: holds what no API key does (empty, a space, a line break)`);
  }
  if (options.url !== null) return { url: checkedUrl(options.url, '--url'), apiKey: key };
  return { url: checkedUrl(env[url] ?? DEFAULT_URL, url), apiKey: key };
}

/** Names of the variables that count. */
function contextOf(
  env: Environment,
  { url, context }: TargetOptions,
): { url: string; apiKey: string } {
  const name = context ?? env[CLIENT_VARIABLES.context] ?? null;
  if (name === null) return { url: CLIENT_VARIABLES.url, apiKey: CLIENT_VARIABLES.apiKey };
  const from = context === null ? CLIENT_VARIABLES.context : '--context';
  if (!CONTEXT.test(name)) throw wrongLine(`${from} takes letters, digits, - and _`);
  const variable = contextVariable('url', name);
  if (url === null && env[variable] === undefined) {
    const known = knownContexts(env).join(', ') || 'none';
    throw wrongLine(`${from}: there is no context ${name}: set ${variable} (there are: ${known})`);
  }
  return { url: variable, apiKey: contextVariable('apiKey', name) };
}

function knownContexts(env: Environment): string[] {
  const prefix = contextVariable('url', '');
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && name.length > prefix.length)
    .map((name) => name.slice(prefix.length).toLowerCase())
    .sort();
}

function checkedUrl(text: string, from: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw wrongLine(`${from}: takes the URL of a node, such as ${DEFAULT_URL}`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw wrongLine(
      `${from}: takes no user, password, ? or #; the key is ${CLIENT_VARIABLES.apiKey}`,
    );
  }
  return text.replace(/\/+$/, '');
}
