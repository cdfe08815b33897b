/** `conduit tail`: shows messages and acknowledges nothing. */
import { type AskedCommand, command, type LineOptions } from '../line/command.js';
import { DELIVERY_OPTIONS, DeliveryPrinter } from '../node/delivered.js';
import { type StreamEvent, streamEvents } from '../node/event-stream.js';
import { apiOf } from '../node/shown.js';
import { startOfText, type TypedStart } from '../node/start.js';
import { CommandFailure, EXIT_DONE } from '../terminal/failure.js';

export const TAIL = command({
  name: 'tail',
  takes: ['TOPIC...'],
  text: 'Shows messages as they come, and acknowledges nothing: whoever subscribes misses none.',
  more: 'It goes on where it was when the node was away. Ctrl-C ends it.',
  example: 'conduit tail orders --from earliest --json',
  talksTo: 'node',
  options: DELIVERY_OPTIONS,
  run: async (asked) => {
    const { options, shell } = asked;
    const topics = [...new Set(asked.args)];
    const start = startOfText(options.from ?? 'latest', '--from');
    const printer = new DeliveryPrinter(shell, options);
    const done = new AbortController();
    const signal = AbortSignal.any([shell.end(), done.signal]);
    const follow = { start, printer, signal, end: () => done.abort() };
    try {
      await Promise.all(topics.map((topic) => followTopic(asked, { ...follow, topic })));
    } finally {
      done.abort();
    }
    return EXIT_DONE;
  },
});

interface Follow {
  topic: string;
  start: TypedStart;
  printer: DeliveryPrinter;
  signal: AbortSignal;
  /** All have what they wanted. */
  end: () => void;
}

async function followTopic(
  asked: AskedCommand<LineOptions>,
  { topic, start, printer, signal, end }: Follow,
): Promise<void> {
  const { shell } = asked;
  const onBroken = (why: string): void => shell.complain(`${topic}: ${why}; trying again`);
  const events = streamEvents({ api: apiOf(asked), topic, start, signal, onBroken });
  for await (const { type, data } of events) {
    if (printer.isDone) return;
    if (type === 'message') printer.show({ ...data, ...messageOf(data) });
    else tell(topic, { type, data }, (line) => shell.complain(line));
    if (printer.isDone) end();
  }
}

function messageOf({ topic, sequence, payload }: StreamEvent['data']) {
  return { topic, sequence, payload };
}

/** Throws where nothing more comes. */
function tell(topic: string, { type, data }: StreamEvent, say: (line: string) => void): void {
  const { from, to, reason } = data;
  if (type === 'gap') {
    say(
      `${topic}: messages ${String(from)} to ${String(to)} cannot be given any more (${String(reason)})`,
    );
  }
  if (type === 'unsubscribed') {
    throw new CommandFailure(5, `${topic}: ended by the node (${String(reason)})`, {
      code: reason,
    });
  }
}
