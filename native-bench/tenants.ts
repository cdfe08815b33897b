/** Tenants, keys and quotas on a node that asks for keys, made before what is measured. */

/** The operator's key, and that of the tenant `default`, whose publishes are measured. */
export const OPERATOR_KEY = 'the-operators-own-key';
export const DEFAULT_KEY = 'the-default-tenants-own-key';
/** Of the environment of such a node. */
export const KEYED_ENV = {
  ENABLE_AUTH: 'true',
  ADMIN_API_KEY: OPERATOR_KEY,
  DEFAULT_API_KEY: DEFAULT_KEY,
} as const;

export interface TenantsToMake {
  /** Beside `default`. */
  tenants: number;
  /** Of each. Each is shown once, so that the acceptor knows it. */
  keys: number;
  /** Of every tenant, in the words of PATCH /api/tenants; absent: none. */
  quotas?: Readonly<Record<string, number>>;
}

/** Requests under way. */
const AT_ONCE = 16;

/** Rejects with what was answered in place of what was asked for. */
export async function makeTenants(target: string, asked: TenantsToMake): Promise<void> {
  const { tenants, keys, quotas = null } = asked;
  if (quotas !== null) {
    await ask(target, 'PATCH /api/tenants/default', { key: OPERATOR_KEY, body: { quotas } });
  }
  const names = Array.from({ length: tenants }, (_, n) => `tenant-${n}`).values();
  const makeSome = async (): Promise<void> => {
    // All of them take from the same names.
    for (const tenant of names) {
      const made = { name: tenant, ...(quotas === null ? {} : { quotas }) };
      await ask(target, 'POST /api/tenants', { key: OPERATOR_KEY, body: made });
      for (let n = 0; n < keys; n++) {
        const body = { tenant, scopes: ['publish', 'subscribe'] };
        const { key } = await ask(target, 'POST /api/keys', { key: OPERATOR_KEY, body });
        await ask(target, 'GET /api/topics', { key: String(key) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, makeSome));
}

async function ask(
  target: string,
  line: string,
  { key, body }: { key: string; body?: object },
): Promise<Record<string, unknown>> {
  const [method = '', path = ''] = line.split(' ');
  const answer = await fetch(`http://${target}${path}`, {
    method,
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as Record<string, unknown>;
  throw new Error(`${line} was answered ${answer.status}: ${text}`);
}
