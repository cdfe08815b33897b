/** A node that asks for API keys, as its operator and the owners of keys see it. */
import { startNode, type TestNode } from '../../../native-bench/rig/node.js';
import { type Answer, request } from '../clients/publisher.js';
import { surpriseIn } from '../documents/described-routes.js';

export const TENANT_KEY = 'the-default-tenants-own-key';
export const ADMIN_KEY = 'the-operators-own-key';

export interface KeyedNode extends TestNode {
  /** `key`: null for none. Keeps what the table of routes does not say of the answer. */
  ask(line: string, key: string | null, body?: object): Promise<Answer>;
  /** Throws what was answered where none was made. */
  makeKey(right: object, by?: string): Promise<MadeKey>;
  /** The same of a token. */
  makeToken(by: string, asked?: object): Promise<string>;
  /** Tenants are made on the way. */
  makeTenantKey(tenant: string): Promise<MadeKey>;
  readonly surprises: string[];
  /** All answers in which no key or token may stand, one after another. */
  readonly answers: string[];
}

export interface MadeKey {
  id: string;
  key: string;
}

export async function startKeyedNode(
  env: Record<string, string | undefined> = {},
): Promise<KeyedNode> {
  const keys = { DEFAULT_API_KEY: TENANT_KEY, ADMIN_API_KEY: ADMIN_KEY };
  const node = await startNode({ ENABLE_AUTH: 'true', WORKERS: '2', ...keys, ...env });
  return keyed(node);
}

function keyed(node: TestNode): KeyedNode {
  const surprises: string[] = [];
  const answers: string[] = [];
  const ask = async (line: string, key: string | null, body?: object): Promise<Answer> => {
    const [method = '', target = ''] = line.split(' ');
    const headers = {
      ...(key === null ? {} : { 'x-api-key': key }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const more = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await request(`${node.url}${target}`, { method, headers, ...more });
    const { status } = answer;
    const text = status === 204 ? '' : JSON.stringify(answer.body);
    const type = String(answer.headers['content-type'] ?? '');
    const surprise = surpriseIn(method, target, { status, type, text });
    if (surprise !== null) surprises.push(surprise);
    const { key: shown, token } = answer.body;
    if (shown === undefined && token === undefined)
      answers.push(text, JSON.stringify(answer.headers));
    return answer;
  };
  const makeKey = async (right: object, by = ADMIN_KEY): Promise<MadeKey> => {
    const { status, body } = await ask('POST /api/keys', by, right);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return { id: String(body['id']), key: String(body['key']) };
  };
  const makeToken = async (by: string, asked = {}): Promise<string> => {
    const { status, body } = await ask('POST /api/tokens', by, asked);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return String(body['token']);
  };
  const makeTenantKey = async (tenant: string): Promise<MadeKey> => {
    await ask('POST /api/tenants', ADMIN_KEY, { name: tenant });
    return makeKey({ tenant, scopes: ['publish', 'subscribe', 'manage'] });
  };
  return { ...node, ask, makeKey, makeToken, makeTenantKey, surprises, answers };
}
