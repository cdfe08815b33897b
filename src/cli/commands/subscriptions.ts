/** `conduit subscriptions`: durable subscriptions, how far they are, and how they go on. */
import { type AskedCommand, command, type LineCommand, type LineOptions } from '../line/command.js';
import type { ApiRequest } from '../node/node-api.js';
import { removal } from '../node/removal.js';
import { apiOf, LIMIT_OPTION, segment, showList, showOne } from '../node/shown.js';
import { startOfText } from '../node/start.js';
import { EXIT_DONE, wrongLine } from '../terminal/failure.js';
import { columnsOf } from '../terminal/table.js';

const COLUMNS = columnsOf(
  ...['lag', 'backlog', 'in_flight', 'ack_floor', 'sessions', 'oldest_unacked_ms', 'paused'],
  ...['topic', 'name'],
);

const list = command({
  name: 'subscriptions list',
  takes: [],
  text: 'Lists the durable subscriptions, by topic and name, with their lag.',
  example: 'conduit subscriptions list --topic orders',
  talksTo: 'node',
  options: {
    topic: { kind: 'text', value: 'TOPIC', text: 'Those of this topic.' },
    limit: LIMIT_OPTION,
  },
  run: async (asked) => {
    const { topic, limit } = asked.options;
    const path = '/api/subscriptions';
    const pages = { path, member: 'subscriptions', query: { topic }, limit };
    await showList(apiOf(asked), pages, { shell: asked.shell, columns: COLUMNS });
    return EXIT_DONE;
  },
});

/** What asks about one of them, and shows how it is then. */
async function askOne(
  asked: AskedCommand<LineOptions>,
  request: ApiRequest & { verb?: string },
): Promise<number> {
  const { verb, ...rest } = request;
  const path = `${pathOf(asked.args)}${verb === undefined ? '' : `/${verb}`}`;
  showOne(asked.shell, await apiOf(asked).ask(path, rest));
  return EXIT_DONE;
}

function pathOf([topic = '', name = '']: readonly string[]): string {
  return `/api/subscriptions/${segment(topic)}/${segment(name)}`;
}

const show = command({
  name: 'subscriptions show',
  takes: ['TOPIC', 'NAME'],
  text: 'Shows a subscription, and how far it is.',
  example: 'conduit subscriptions show orders billing',
  talksTo: 'node',
  options: {},
  run: (asked) => askOne(asked, {}),
});

const change = command({
  name: 'subscriptions change',
  takes: ['TOPIC', 'NAME'],
  text: 'Changes its settings; what is not given stays.',
  example: 'conduit subscriptions change orders billing --max-deliver 10',
  talksTo: 'node',
  options: {
    ackWaitMs: {
      kind: 'integer',
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      text: 'Wait for an acknowledgement; doubled with every attempt.',
    },
    maxDeliver: {
      kind: 'integer',
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      text: 'Attempts before the dead letter.',
    },
  },
  run: (asked) => {
    const { ackWaitMs, maxDeliver } = asked.options;
    if (ackWaitMs === null && maxDeliver === null) {
      throw wrongLine('takes --ack-wait-ms or --max-deliver');
    }
    return askOne(asked, {
      method: 'PATCH',
      body: { ack_wait_ms: ackWaitMs, max_deliver: maxDeliver },
    });
  },
});

const seek = command({
  name: 'subscriptions seek',
  takes: ['TOPIC', 'NAME', 'PLACE'],
  text: 'Goes on elsewhere in the topic, back or ahead.',
  more: 'PLACE is earliest, latest, a sequence, or a time such as 2026-11-23T10:30:00Z.',
  example: 'conduit subscriptions seek orders billing earliest',
  talksTo: 'node',
  options: {},
  run: (asked) =>
    askOne(asked, {
      method: 'POST',
      verb: 'seek',
      body: startOfText(asked.args[2] ?? '', 'PLACE'),
    }),
});

function turned(verb: 'pause' | 'resume', text: string): LineCommand {
  return command({
    ...{ name: `subscriptions ${verb}`, takes: ['TOPIC', 'NAME'], text },
    example: `conduit subscriptions ${verb} orders billing`,
    talksTo: 'node',
    options: {},
    run: (asked) => askOne(asked, { method: 'POST', verb }),
  });
}

const remove = removal({
  name: 'subscriptions delete',
  takes: ['TOPIC', 'NAME'],
  text: 'Ends a subscription, and forgets how far it was.',
  example: 'conduit subscriptions delete orders billing --yes',
  what: 'ends the subscription, and forgets how far it was',
  done: 'deleted',
  path: pathOf,
});

export const SUBSCRIPTION_COMMANDS = [
  list,
  show,
  change,
  seek,
  turned('pause', 'Sends nothing more until it is resumed.'),
  turned('resume', 'Goes on where it was paused.'),
  remove,
];
