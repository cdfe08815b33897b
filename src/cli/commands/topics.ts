/** `conduit topics`: makes, shows, changes and deletes topics. */
import { setTimeout as delay } from 'node:timers/promises';
import { type AskedCommand, command, type LineOptions } from '../line/command.js';
import { removal } from '../node/removal.js';
import { apiOf, LIMIT_OPTION, segment, showList, showOne } from '../node/shown.js';
import { EXIT_DONE, wrongLine } from '../terminal/failure.js';
import { columnsOf } from '../terminal/table.js';

const COUNT_MAX = Number.MAX_SAFE_INTEGER;

const RETENTION_OPTIONS = {
  hours: { kind: 'integer', min: 1, max: COUNT_MAX, text: 'How long a message is kept.' },
  messages: { kind: 'integer', min: 1, max: COUNT_MAX, text: 'How many messages are kept.' },
  bytes: { kind: 'integer', min: 1, max: COUNT_MAX, text: 'How many bytes are kept.' },
} as const satisfies LineOptions;

function pathOf(topic: string): string {
  return `/api/topics/${segment(topic)}`;
}

function retentionOf({ options }: AskedCommand<typeof RETENTION_OPTIONS>) {
  const { hours, messages, bytes } = options;
  return { hours, messages, bytes };
}

const list = command({
  name: 'topics list',
  takes: [],
  text: 'Lists the topics, by name.',
  example: 'conduit topics list --prefix orders.',
  talksTo: 'node',
  options: {
    prefix: { kind: 'text', value: 'TEXT', text: 'Names that begin so.' },
    limit: LIMIT_OPTION,
  },
  run: async (asked) => {
    const { prefix, limit } = asked.options;
    const pages = { path: '/api/topics', member: 'topics', query: { prefix }, limit };
    const columns = columnsOf('sequence', 'message_count', 'bytes', 'subscriber_count', 'name');
    await showList(apiOf(asked), pages, { shell: asked.shell, columns });
    return EXIT_DONE;
  },
});

const show = command({
  name: 'topics show',
  takes: ['TOPIC'],
  text: 'Shows a topic: how long it is, and what it keeps.',
  example: 'conduit topics show orders',
  talksTo: 'node',
  options: {},
  run: async (asked) => {
    showOne(asked.shell, await apiOf(asked).ask(pathOf(asked.args[0] ?? '')));
    return EXIT_DONE;
  },
});

const create = command({
  name: 'topics create',
  takes: ['TOPIC'],
  text: 'Creates a topic.',
  example: 'conduit topics create orders --hours 48',
  talksTo: 'node',
  options: RETENTION_OPTIONS,
  run: async (asked) => {
    const body = { name: asked.args[0], retention: retentionOf(asked) };
    showOne(asked.shell, await apiOf(asked).ask('/api/topics', { method: 'POST', body }));
    return EXIT_DONE;
  },
});

const change = command({
  name: 'topics change',
  takes: ['TOPIC'],
  text: 'Changes what a topic keeps: what is not given is unbounded from then on.',
  example: 'conduit topics change orders --messages 1000000',
  talksTo: 'node',
  options: {
    ...RETENTION_OPTIONS,
    unbounded: { kind: 'flag', text: 'No bound but RETENTION_HOURS.' },
  },
  run: async (asked) => {
    const retention = retentionOf(asked);
    const none = Object.values(retention).every((bound) => bound === null);
    if (none !== asked.options.unbounded) {
      throw wrongLine('takes --hours, --messages, --bytes, or --unbounded for none of them');
    }
    const request = { method: 'PATCH', body: { retention } } as const;
    showOne(asked.shell, await apiOf(asked).ask(pathOf(asked.args[0] ?? ''), request));
    return EXIT_DONE;
  },
});

const POLL_MS = 1_000;

const move = command({
  name: 'topics move',
  takes: ['TOPIC', 'DATABASE'],
  text: 'Moves a topic to another database of DATABASE_URL, by its number from 1, and waits for it.',
  example: 'conduit topics move orders 2',
  talksTo: 'node',
  options: {
    tenant: { kind: 'text', value: 'TENANT', text: 'Whose topic it is, where not of the key.' },
  },
  run: async (asked) => {
    const { shell, options } = asked;
    const [topic = '', database = ''] = asked.args;
    if (!/^[0-9]{1,3}$/.test(database)) throw wrongLine('DATABASE must be a number from 1 on');
    const { tenant } = options;
    const body = { database: Number(database), ...(tenant === null ? {} : { tenant }) };
    const api = apiOf(asked);
    for (;;) {
      const answer = await api.ask(`${pathOf(topic)}/move`, { method: 'POST', body });
      if (answer.body['state'] !== 'moving') {
        showOne(shell, answer);
        return EXIT_DONE;
      }
      await delay(POLL_MS);
    }
  },
});

const remove = removal({
  name: 'topics delete',
  takes: ['TOPIC'],
  text: 'Deletes a topic, its messages and subscriptions.',
  example: 'conduit topics delete demo --yes',
  what: 'deletes the topic, its messages and subscriptions',
  done: 'deleted',
  path: ([topic = '']) => pathOf(topic),
});

export const TOPIC_COMMANDS = [list, show, create, change, move, remove];
