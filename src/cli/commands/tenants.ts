/** `conduit tenants`: tenants and their quotas, by the API. */
import { QUOTAS } from '../../core/quotas.js';
import { snakeCase } from '../../core/snake-case.js';
import { command } from '../line/command.js';
import { removal } from '../node/removal.js';
import { apiOf, LIMIT_OPTION, segment, showList, showOne } from '../node/shown.js';
import { EXIT_DONE, wrongLine } from '../terminal/failure.js';
import { columnsOf } from '../terminal/table.js';

const QUOTA_NAMES = Object.keys(QUOTAS).map(snakeCase);
const QUOTA_OPTION = {
  kind: 'list',
  value: 'NAME=N',
  text: `A quota: ${QUOTA_NAMES.join(', ')}; N is a number, or unlimited.`,
} as const;

const list = command({
  name: 'tenants list',
  takes: [],
  text: 'Lists the tenants with their quotas, by name. Scope operate.',
  example: 'conduit tenants list',
  talksTo: 'node',
  options: { limit: LIMIT_OPTION },
  run: async (asked) => {
    const pages = { path: '/api/tenants', member: 'tenants', limit: asked.options.limit };
    const columns = columnsOf('name', 'created_at', ...QUOTA_NAMES.map((name) => `quotas.${name}`));
    await showList(apiOf(asked), pages, { shell: asked.shell, columns });
    return EXIT_DONE;
  },
});

const create = command({
  name: 'tenants create',
  takes: ['NAME'],
  text: 'Creates a tenant. Scope operate.',
  example: 'conduit tenants create acme --quota messages_per_s=1000 --quota topics=500',
  talksTo: 'node',
  options: { quota: QUOTA_OPTION },
  run: async (asked) => {
    const body = { name: asked.args[0], quotas: quotasOf(asked.options.quota) };
    showOne(asked.shell, await apiOf(asked).ask('/api/tenants', { method: 'POST', body }));
    return EXIT_DONE;
  },
});

const change = command({
  name: 'tenants change',
  takes: ['NAME'],
  text: 'Changes quotas of a tenant, on all nodes; what is not given stays. Scope operate.',
  example: 'conduit tenants change acme --quota messages_per_s=5000 --quota topics=unlimited',
  talksTo: 'node',
  options: { quota: QUOTA_OPTION },
  run: async (asked) => {
    const quotas = quotasOf(asked.options.quota);
    if (Object.keys(quotas).length === 0) throw wrongLine('takes --quota NAME=N, at least one');
    const path = `/api/tenants/${segment(asked.args[0] ?? '')}`;
    showOne(asked.shell, await apiOf(asked).ask(path, { method: 'PATCH', body: { quotas } }));
    return EXIT_DONE;
  },
});

/** Whether a number is one that the quota takes, the node says. */
function quotasOf(given: readonly string[]): Record<string, number | null> {
  return Object.fromEntries(
    given.map((text): [string, number | null] => {
      const [, name = '', value = ''] = /^([a-z_]+)=(\d{1,16}|unlimited)$/.exec(text) ?? [];
      if (!QUOTA_NAMES.includes(name)) {
        const shown = JSON.stringify(text.slice(0, 60));
        throw wrongLine(`--quota takes NAME=N, not ${shown}; names: ${QUOTA_NAMES.join(', ')}`);
      }
      return [name, value === 'unlimited' ? null : Number(value)];
    }),
  );
}

const remove = removal({
  name: 'tenants delete',
  takes: ['NAME'],
  text: 'Deletes a tenant that has no topics, with its keys. Scope operate.',
  example: 'conduit tenants delete acme --yes',
  what: 'deletes the tenant and its keys',
  done: 'deleted',
  path: ([name = '']) => `/api/tenants/${segment(name)}`,
});

export const TENANT_COMMANDS = [list, create, change, remove];
