/** k6/http: calls that hold up their virtual user, measured under the tags that they name. */
import type { HttpAnswer, Tags } from '../messages.js';
import { context } from './context.js';

export interface Params {
  headers?: Record<string, string>;
  tags?: Tags;
  timeout?: string;
}

const TIMEOUT_MS = 60_000;

function request(
  method: string,
  url: string,
  body: string | null,
  params: Params = {},
): HttpAnswer {
  const { headers = {}, tags = {} } = params;
  const answer = context.call({ method, url, body, headers, timeoutMs: TIMEOUT_MS });
  const all = { ...tags, method, status: String(answer.status) };
  const isBad = answer.status === 0 || answer.status >= 400;
  context.record('http_reqs', 1, all);
  context.record('http_req_duration', answer.durationMs, all);
  context.record('http_req_failed', Number(isBad), all);
  return answer;
}

export default {
  get: (url: string, params?: Params) => request('GET', url, null, params),
  post: (url: string, body?: string | null, params?: Params) =>
    request('POST', url, body ?? null, params),
};
