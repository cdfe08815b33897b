/** `conduit pub`: publishes a payload, or each line of stdin. */
import { type AskedCommand, command, type LineOptions } from '../line/command.js';
import { LinePublisher, lineOf, type PublishedLine } from '../node/line-publisher.js';
import { apiOf, showOne } from '../node/shown.js';
import { CommandFailure, EXIT_DONE, type ExitCode, wrongLine } from '../terminal/failure.js';
import { type InputLine, inputLines, wholeInput } from '../terminal/input-lines.js';
import { ProgressBar } from '../terminal/progress-bar.js';

const MS_MAX = Number.MAX_SAFE_INTEGER;
const RETRY_S_OF_LINES = 30;

const OPTIONS = {
  key: { kind: 'text', value: 'KEY', text: 'Of the order: messages of one key come in order.' },
  header: { kind: 'list', value: 'NAME=VALUE', text: 'A header of the message.' },
  dedupeKey: {
    kind: 'text',
    value: 'KEY',
    text: 'Published once within two minutes, however often it is said. For one payload.',
  },
  delayMs: { kind: 'integer', min: 0, max: MS_MAX, text: 'Released so much later.' },
  deliverAt: { kind: 'text', value: 'TIME', text: 'Released then, RFC 3339.' },
  ttlMs: { kind: 'integer', min: 1, max: MS_MAX, text: 'Not delivered when it is older.' },
  text: { kind: 'flag', text: 'The payload, or each line, is text: it is sent as a JSON string.' },
  whole: { kind: 'flag', text: 'All of stdin is one payload, and not each line.' },
  keepGoing: { kind: 'flag', text: 'Goes on after a line that is refused; ends with 1 then.' },
  retryS: {
    kind: 'integer',
    min: 0,
    max: 86_400,
    text: `For how long lines are tried again while the node is away; ${RETRY_S_OF_LINES} without it.`,
  },
} as const satisfies LineOptions;

type Asked = AskedCommand<typeof OPTIONS>;

export const PUB = command({
  name: 'pub',
  takes: ['TOPIC', '[PAYLOAD]'],
  text: 'Publishes a payload, or each line of stdin; ends once that is committed.',
  more:
    'A payload is JSON, sent byte for byte as it stands; --text takes any text. Without PAYLOAD, or with -, stdin is read:\n' +
    'each line is a message, published in its order, in batches of what is there. Lines have dedupe keys of their own,\n' +
    'so one that is tried again is stored once. Empty lines are passed over, unless they are text.',
  example: 'tail -F app.log | conduit pub logs --text',
  talksTo: 'node',
  options: OPTIONS,
  run: async (asked) => {
    const [topic = '', payload = '-'] = asked.args;
    const { whole, dedupeKey } = asked.options;
    if (payload !== '-') {
      if (whole) throw wrongLine('--whole is for stdin');
      return publishOne(asked, topic, payload);
    }
    if (whole) return publishOne(asked, topic, await wholeInput(process.stdin));
    if (dedupeKey !== null)
      throw wrongLine('--dedupe-key is for one payload: lines have their own');
    return publishLines(asked, topic);
  },
});

async function publishOne(asked: Asked, topic: string, text: string): Promise<number> {
  const payload = payloadOf(asked, text);
  if (payload === null) throw wrongLine('the payload is no JSON; --text takes any text');
  const around = JSON.stringify({
    topic,
    dedupe_key: asked.options.dedupeKey,
    ...membersOf(asked),
  });
  const body = `${around.slice(0, -1)},"payload":${payload}}`;
  showOne(asked.shell, await apiOf(asked).ask('/api/publish', { method: 'POST', body }));
  return EXIT_DONE;
}

async function publishLines(asked: Asked, topic: string): Promise<number> {
  const { shell, options } = asked;
  const bar = new ProgressBar({ what: 'published', total: null });
  const end = shell.end();
  let refused = 0;
  const refuse = (exitCode: ExitCode, line: string): void => {
    if (!options.keepGoing) throw new CommandFailure(exitCode, line);
    bar.end();
    shell.complain(line);
    refused++;
  };
  const publisher = new LinePublisher({
    ...{ api: apiOf(asked), topic, members: membersOf(asked), end },
    retryMs: (options.retryS ?? RETRY_S_OF_LINES) * 1_000,
    onResult: (text) => {
      if (shell.mode === 'json') shell.printJson(text);
    },
    onRefused: (number, problem) => refuse(1, `line ${number}: ${lineOf(problem)}`),
  });
  if (process.stdin.isTTY) shell.complain('each line is a message; Ctrl-D ends');
  // Who types Ctrl-C does not end stdin: it is no longer waited for.
  end.addEventListener('abort', () => process.stdin.destroy());
  try {
    for await (const lines of inputLines(process.stdin)) {
      const { good, bad } = readLines(asked, lines);
      await publisher.publish(good);
      for (const number of bad) refuse(2, `line ${number} is no JSON; --text takes any text`);
      bar.show(publisher.published);
      if (end.aborted) break;
    }
  } catch (error) {
    if (!end.aborted || error instanceof CommandFailure)
      throw withCount(error, publisher.published);
  } finally {
    bar.end();
  }
  if (shell.mode === 'people') shell.print(`published ${publisher.published} to ${topic}`);
  if (shell.wasInterrupted) return 130;
  return refused === 0 ? EXIT_DONE : 1;
}

/** Whoever goes on must know where. */
function withCount(error: unknown, published: number): unknown {
  if (!(error instanceof CommandFailure)) return error;
  const { exitCode, message, problem } = error;
  return new CommandFailure(exitCode, `${message}; ${published} were published`, {
    ...{ ...problem, published },
  });
}

/** Which are payloads, and which are none, by number; without --keep-going up to the first of these. */
function readLines(
  asked: Asked,
  lines: readonly InputLine[],
): { good: PublishedLine[]; bad: number[] } {
  const good: PublishedLine[] = [];
  const bad: number[] = [];
  for (const { number, text } of lines) {
    if (text.trim() === '' && !asked.options.text) continue;
    const payload = payloadOf(asked, text);
    if (payload !== null) good.push({ number, payload });
    else {
      bad.push(number);
      if (!asked.options.keepGoing) break;
    }
  }
  return { good, bad };
}

/** The JSON that is sent; null: it is none. */
function payloadOf({ options }: Asked, text: string): string | null {
  if (options.text) return JSON.stringify(text);
  try {
    JSON.parse(text);
    return text.trim();
  } catch {
    return null;
  }
}

function membersOf({ options }: Asked): Record<string, unknown> {
  const { key, header, delayMs, deliverAt, ttlMs } = options;
  const headers = header.map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at <= 0)
      throw wrongLine(`--header takes NAME=VALUE, not ${JSON.stringify(text.slice(0, 60))}`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  const all = {
    ...{ key, delay_ms: delayMs, deliver_at: deliverAt, ttl_ms: ttlMs },
    headers: headers.length === 0 ? null : Object.fromEntries(headers),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}
