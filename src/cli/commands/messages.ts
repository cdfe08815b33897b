/** `conduit messages`: what the log has, and what became of one message. */
import { command } from '../line/command.js';
import { apiOf, segment, showList, showOne } from '../node/shown.js';
import { EXIT_DONE } from '../terminal/failure.js';
import { columnsOf } from '../terminal/table.js';

const LIMIT_DEFAULT = 100;
/** Of payloads of 256 KiB each. */
const PAGE_ITEMS = 100;

const list = command({
  name: 'messages list',
  takes: ['TOPIC'],
  text: 'Shows messages of the log, by sequence.',
  example: 'conduit messages list orders --order desc --limit 10',
  talksTo: 'node',
  options: {
    fromSequence: {
      kind: 'integer',
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      text: 'The first one.',
    },
    fromTime: {
      kind: 'text',
      value: 'TIME',
      text: 'The first one is of this time or later, RFC 3339; with desc of this time or before.',
    },
    filter: {
      kind: 'text',
      value: 'EXPRESSION',
      text: 'Those for which it is so: payload.amount > 50 && key == "eu".',
    },
    order: { kind: 'choice', choices: ['asc', 'desc'], text: 'By sequence; asc without it.' },
    limit: {
      kind: 'integer',
      min: 1,
      max: 1_000_000_000,
      text: `At most so many; ${LIMIT_DEFAULT} without it.`,
    },
  },
  run: async (asked) => {
    const { fromSequence, fromTime, filter, order, limit } = asked.options;
    const pages = {
      path: `/api/topics/${segment(asked.args[0] ?? '')}/messages`,
      member: 'messages',
      query: { filter, order },
      begin: { from_sequence: fromSequence, from_time: fromTime },
      mayBeEmpty: filter !== null,
      ...{ limit: limit ?? LIMIT_DEFAULT, pageSize: PAGE_ITEMS, nextAs: 'from_sequence' },
    };
    const columns = columnsOf('sequence', 'published_at', 'message_id', 'key', 'payload');
    await showList(apiOf(asked), pages, { shell: asked.shell, columns });
    return EXIT_DONE;
  },
});

const show = command({
  name: 'messages show',
  takes: ['MESSAGE_ID'],
  text: 'Shows a message, and what became of it in subscriptions.',
  example: 'conduit messages show 019ac1f2-7d3e-7000-8000-000000000000',
  talksTo: 'node',
  options: {},
  run: async (asked) => {
    const path = `/api/messages/${segment(asked.args[0] ?? '')}`;
    showOne(asked.shell, await apiOf(asked).ask(path));
    return EXIT_DONE;
  },
});

export const MESSAGE_COMMANDS = [list, show];
