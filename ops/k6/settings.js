// What the three scripts share: where the nodes are, with which key, and how a run is summed up.
// Set with `k6 run -e NAME=value`.
import http from 'k6/http';

export const BASE_URL = (__ENV.BASE_URL || 'http://localhost:8080').replace(/\/+$/, '');
export const WS_URL = `${BASE_URL.replace(/^http/, 'ws')}/ws`;

/** @type {Record<string, string>} */
export const HEADERS = { 'Content-Type': 'application/json' };
if (__ENV.API_KEY) HEADERS['X-API-Key'] = __ENV.API_KEY;

/**
 * A positive number of the environment.
 * @param {string} name
 * @param {number} otherwise
 */
export function numberOf(name, otherwise) {
  const value = Number(__ENV[name] || otherwise);
  if (!(value > 0)) throw new Error(`${name}=${__ENV[name]}: a number above 0`);
  return value;
}

/**
 * Makes the topic of a run; fails the run when it cannot.
 * @param {string} name
 */
export function makeTopic(name) {
  const { status, body } = http.post(`${BASE_URL}/api/topics`, JSON.stringify({ name }), {
    headers: HEADERS,
    tags: { kind: 'setup' },
  });
  if (status !== 201 && status !== 409) {
    throw new Error(`POST ${BASE_URL}/api/topics: ${status} ${body}`);
  }
}

/**
 * The figures of the seed's table, as text; SUMMARY=file.json keeps everything.
 * @param {string} title
 * @param {any} data
 */
export function summary(title, data) {
  const lines = [title];
  for (const [name, { values, thresholds }] of Object.entries(data.metrics).sort()) {
    const figures = Object.entries(values).map(([key, value]) => `${key} ${rounded(value)}`);
    const verdicts = Object.entries(thresholds || {}).map(
      ([rule, { ok }]) => `${ok ? 'met' : 'NOT MET'}: ${rule}`,
    );
    lines.push(`  ${name}: ${figures.join(', ')}${verdicts.map((text) => `  [${text}]`).join('')}`);
  }
  /** @type {Record<string, string>} */
  const files = { stdout: `${lines.join('\n')}\n` };
  if (__ENV.SUMMARY) files[__ENV.SUMMARY] = JSON.stringify(data, null, 2);
  return files;
}

/** @param {unknown} value */
function rounded(value) {
  return typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value;
}
