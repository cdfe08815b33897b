/** `conduit webhooks`: the HTTP endpoint that is the session of a durable subscription. */
import { command } from '../line/command.js';
import { removal } from '../node/removal.js';
import { apiOf, segment, showOne } from '../node/shown.js';
import { startOfText } from '../node/start.js';
import { EXIT_DONE } from '../terminal/failure.js';

const NAMED = ['TOPIC', 'NAME'];
const MOST = Number.MAX_SAFE_INTEGER;

function pathOf([topic = '', name = '']: readonly string[]): string {
  return `/api/subscriptions/${segment(topic)}/${segment(name)}/webhook`;
}

const set = command({
  name: 'webhooks set',
  takes: [...NAMED, 'URL'],
  text: 'Sends what the subscription is given to a URL, and makes the subscription.',
  more: 'A secret that is new is shown, once: signatures are checked with it.',
  example: 'conduit webhooks set orders billing https://example.com/hook --concurrency 4',
  talksTo: 'node',
  options: {
    concurrency: { kind: 'integer', min: 1, max: MOST, text: 'Requests under way at once.' },
    timeoutMs: { kind: 'integer', min: 1, max: MOST, text: 'How long an answer is waited for.' },
    format: {
      kind: 'text',
      value: 'payload|cloudevents',
      text: 'What the body of a request is; payload without it.',
    },
    secret: {
      kind: 'text',
      value: 'new|whsec_...',
      text: 'To sign with: another one, or this; the one before without it.',
    },
    overlapS: {
      kind: 'integer',
      min: 0,
      max: 2_592_000,
      text: 'For how long the secret before is signed with, too; a day without it.',
    },
    start: {
      kind: 'text',
      value: 'PLACE',
      text: 'Where a subscription that is made begins: as of seek; latest without it.',
    },
    ackWaitMs: {
      kind: 'integer',
      min: 1,
      max: MOST,
      text: 'Of one that is made: first wait before a message is sent again.',
    },
    maxDeliver: {
      kind: 'integer',
      min: 1,
      max: MOST,
      text: 'Of one that is made: attempts before the dead letter.',
    },
    ordering: {
      kind: 'text',
      value: 'none|key|topic',
      text: 'Of one that is made; topic where --concurrency is 1, else none.',
    },
  },
  run: async (asked) => {
    const { concurrency, timeoutMs, format, secret, overlapS, start } = asked.options;
    const { ackWaitMs, maxDeliver, ordering } = asked.options;
    const body = {
      url: asked.args[2] ?? '',
      ...{ concurrency, timeout_ms: timeoutMs, format, secret, overlap_s: overlapS },
      ...{ ack_wait_ms: ackWaitMs, max_deliver: maxDeliver, ordering },
      start: start === null ? null : startOfText(start, '--start'),
    };
    const request = { method: 'PUT', body } as const;
    showOne(asked.shell, await apiOf(asked).ask(pathOf(asked.args), request));
    return EXIT_DONE;
  },
});

const get = command({
  name: 'webhooks get',
  takes: NAMED,
  text: 'Shows where messages are sent, and whether; the secrets are not shown.',
  example: 'conduit webhooks get orders billing',
  talksTo: 'node',
  options: {},
  run: async (asked) => {
    showOne(asked.shell, await apiOf(asked).ask(pathOf(asked.args), {}));
    return EXIT_DONE;
  },
});

const remove = removal({
  name: 'webhooks remove',
  takes: NAMED,
  text: 'Sends nothing more; the subscription stays as it is.',
  example: 'conduit webhooks remove orders billing --yes',
  what: 'sends nothing more, and forgets the secret',
  done: 'removed',
  path: pathOf,
});

export const WEBHOOK_COMMANDS = [set, get, remove];
