/** `conduit sub`: shows messages and acknowledges them. */
import type { ConduitClient } from '../../client/conduit-client.js';
import { type AskedCommand, command, type LineOptions } from '../line/command.js';
import { connected, failureOf } from '../node/connection.js';
import { DELIVERY_OPTIONS, DeliveryPrinter } from '../node/delivered.js';
import { targetOfAsked } from '../node/shown.js';
import { startOfText, type TypedStart } from '../node/start.js';
import { EXIT_DONE, wrongLine } from '../terminal/failure.js';

const DRAIN_MS = 5_000;
const WINDOW = 256;

const OPTIONS = {
  ...DELIVERY_OPTIONS,
  subscription: {
    kind: 'text',
    value: 'NAME',
    text: 'Durable: goes on where the name was; several that use it share its messages.',
  },
  maxInFlight: {
    kind: 'integer',
    min: 1,
    max: 1_000,
    text: `Delivered and not acknowledged, at most; ${WINDOW} without it.`,
  },
} as const satisfies LineOptions;

export const SUB = command({
  name: 'sub',
  takes: ['TOPIC...'],
  text: 'Shows messages as they come, and acknowledges each once it is written to stdout.',
  more:
    'With --subscription that counts: what was acknowledged does not come again, to nobody who uses the name. To look without\n' +
    'a trace there is conduit tail. --from counts when a durable name is first used. Ctrl-C ends it in order.',
  example: 'conduit sub orders --subscription billing --payload',
  talksTo: 'node',
  options: OPTIONS,
  run: async (asked) => {
    const { options, shell } = asked;
    const topics = [...new Set(asked.args)];
    const start = options.from === null ? 'latest' : startAt(startOfText(options.from, '--from'));
    const printer = new DeliveryPrinter(shell, options);
    const end = shell.end();
    const done = new AbortController();
    const client = await connected(asked);
    const shown = {
      ...{ client, start, printer, signal: AbortSignal.any([end, done.signal]) },
      end: () => done.abort(),
    };
    try {
      await Promise.all(topics.map((topic) => show(asked, { ...shown, topic })));
    } catch (error) {
      if (!end.aborted) throw failureOf(error, targetOfAsked(asked).url);
    } finally {
      await client.drain(DRAIN_MS);
    }
    return EXIT_DONE;
  },
});

interface Shown {
  client: ConduitClient;
  topic: string;
  start: ReturnType<typeof startAt>;
  printer: DeliveryPrinter;
  /** Leaves the subscription. */
  signal: AbortSignal;
  /** All have what they wanted. */
  end: () => void;
}

/** As the client takes it. */
function startAt(start: TypedStart) {
  if (start.from === 'sequence') return { sequence: start.sequence };
  if (start.from === 'time') return { time: start.time };
  return start.from;
}

async function show(
  { options }: AskedCommand<typeof OPTIONS>,
  { client, topic, start, printer, signal, end }: Shown,
): Promise<void> {
  const { subscription, maxInFlight } = options;
  if (subscription !== null && !NAME.test(subscription)) {
    throw wrongLine('--subscription takes a name: characters as in topics');
  }
  const messages = client.subscribe(topic, {
    ...{ start, ack: 'manual', maxInFlight: maxInFlight ?? WINDOW, signal },
    ...(subscription === null ? {} : { subscription }),
  });
  for await (const message of messages) {
    if (signal.aborted) break;
    printer.show({
      message_id: message.messageId,
      topic: message.topic,
      sequence: message.sequence,
      published_at: message.publishedAt.toISOString(),
      attempt: message.attempt,
      key: message.key,
      headers: Object.keys(message.headers).length === 0 ? undefined : message.headers,
      payload: message.payload,
    });
    message.ack();
    if (printer.isDone) end();
  }
}

const NAME = /^[A-Za-z0-9_.:-]{1,255}$/;
