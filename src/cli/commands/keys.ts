/** `conduit keys`: API keys. */
import { SCOPES } from '../../core/scope.js';
import { command } from '../line/command.js';
import { removal } from '../node/removal.js';
import { apiOf, LIMIT_OPTION, segment, showList, showOne } from '../node/shown.js';
import { EXIT_DONE, wrongLine } from '../terminal/failure.js';
import { columnsOf } from '../terminal/table.js';

const TENANT_OPTION = {
  kind: 'text',
  value: 'TENANT',
  text: "Whose; one's own without it. Another's needs the scope operate.",
} as const;

const list = command({
  name: 'keys list',
  takes: [],
  text: 'Lists the API keys that the asking one covers, by id. Secrets are not shown.',
  example: 'conduit keys list --tenant acme',
  talksTo: 'node',
  options: { tenant: TENANT_OPTION, limit: LIMIT_OPTION },
  run: async (asked) => {
    const { tenant, limit } = asked.options;
    const columns = columnsOf(
      'id',
      'tenant',
      'scopes',
      'created_at',
      'expires_at',
      'last_used_at',
      'topics',
    );
    const pages = { path: '/api/keys', member: 'keys', query: { tenant }, limit };
    await showList(apiOf(asked), pages, { shell: asked.shell, columns });
    return EXIT_DONE;
  },
});

const create = command({
  name: 'keys create',
  takes: [],
  text: 'Makes an API key, and shows it, once.',
  example: 'conduit keys create --tenant acme --scope publish --scope subscribe --topic "orders.*"',
  talksTo: 'node',
  options: {
    scope: { kind: 'list', value: SCOPES.join('|'), text: 'What it is good for.' },
    topic: {
      kind: 'list',
      value: 'NAME',
      text: 'A topic, or NAME.* for all below; all without it.',
    },
    tenant: TENANT_OPTION,
    expiresAt: { kind: 'text', value: 'TIME', text: 'When it ends, RFC 3339; never without it.' },
  },
  run: async (asked) => {
    const { scope, topic, tenant, expiresAt } = asked.options;
    if (scope.length === 0) throw wrongLine(`takes --scope ${SCOPES.join('|')}, at least one`);
    const topics = topic.length === 0 ? null : topic;
    const body = { tenant, scopes: scope, topics, expires_at: expiresAt };
    showOne(asked.shell, await apiOf(asked).ask('/api/keys', { method: 'POST', body }));
    return EXIT_DONE;
  },
});

const rotate = command({
  name: 'keys rotate',
  takes: ['ID'],
  text: 'Makes another key of the same right, and shows it, once; the old one ends.',
  example: 'conduit keys rotate 6f1c2a9b3d4e --overlap-s 600',
  talksTo: 'node',
  options: {
    overlapS: {
      kind: 'integer',
      min: 0,
      max: 2_592_000,
      text: 'For how long the old one goes on; an hour without it.',
    },
  },
  run: async (asked) => {
    const path = `/api/keys/${segment(asked.args[0] ?? '')}/rotate`;
    const body = { overlap_s: asked.options.overlapS };
    showOne(asked.shell, await apiOf(asked).ask(path, { method: 'POST', body }));
    return EXIT_DONE;
  },
});

const revoke = removal({
  name: 'keys revoke',
  takes: ['ID'],
  text: 'Revokes an API key, and closes what it has open.',
  example: 'conduit keys revoke 6f1c2a9b3d4e --yes',
  what: 'ends the key and what it has open',
  done: 'revoked',
  path: ([id = '']) => `/api/keys/${segment(id)}`,
});

export const KEY_COMMANDS = [list, create, rotate, revoke];
