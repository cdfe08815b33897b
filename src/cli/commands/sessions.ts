/** `conduit sessions`: who is connected. */
import { command } from '../line/command.js';
import { removal } from '../node/removal.js';
import { apiOf, LIMIT_OPTION, segment, showList } from '../node/shown.js';
import { EXIT_DONE } from '../terminal/failure.js';
import type { Shell } from '../terminal/shell.js';
import { type Column, columnsOf, isRow, type Row } from '../terminal/table.js';

export const SESSION_COLUMNS: readonly Column[] = [
  ...columnsOf('id', 'tenant', 'format', 'address', 'in_flight', 'lag', 'buffer_bytes'),
  ...columnsOf('connected_at'),
  { title: 'TOPICS', of: topicsOf },
  ...columnsOf('client', 'version'),
];

function topicsOf({ subscriptions }: Row): unknown {
  return Array.isArray(subscriptions)
    ? subscriptions.filter(isRow).map(({ topic }) => String(topic))
    : null;
}

const list = command({
  name: 'sessions list',
  takes: [],
  text: 'Lists who is connected, to all nodes, streams of events included.',
  example: 'conduit sessions list --topic orders',
  talksTo: 'node',
  options: {
    tenant: { kind: 'text', value: 'TENANT', text: 'Those of this tenant. Scope operate.' },
    topic: { kind: 'text', value: 'TOPIC', text: 'Those that have a subscription to it.' },
    limit: LIMIT_OPTION,
  },
  run: async (asked) => {
    const { tenant, topic, limit } = asked.options;
    const pages = {
      ...{ path: '/api/sessions', member: 'sessions', query: { tenant, topic }, limit },
      onPage: ({ unanswered }: Row) => complainOf(unanswered, asked.shell),
    };
    await showList(apiOf(asked), pages, { shell: asked.shell, columns: SESSION_COLUMNS });
    return EXIT_DONE;
  },
});

/** What is missing is said where it is not taken for a session. */
function complainOf(unanswered: unknown, shell: Shell): void {
  for (const one of Array.isArray(unanswered) ? unanswered.filter(isRow) : []) {
    shell.complain(`the sessions of ${String(one['node'])} are missing: ${String(one['detail'])}`);
  }
}

const close = removal({
  name: 'sessions close',
  takes: ['ID'],
  text: 'Closes a session, of whichever node, and tells the client.',
  example: 'conduit sessions close 0-17 --yes',
  what: 'closes the session',
  done: 'closed',
  path: ([id = '']) => `/api/sessions/${segment(id)}`,
});

export const SESSION_COMMANDS = [list, close];
