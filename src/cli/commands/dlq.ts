/** `conduit dlq`: what was given up, and giving it back. */
import { setTimeout as delay } from 'node:timers/promises';
import { type AskedCommand, command, type LineOptions } from '../line/command.js';
import type { ApiAnswer, NodeApi } from '../node/node-api.js';
import { apiOf, LIMIT_OPTION, segment, showDone, showList, showOne } from '../node/shown.js';
import { consent, YES_OPTION } from '../terminal/consent.js';
import { CommandFailure, EXIT_DONE, wrongLine } from '../terminal/failure.js';
import { printableLines } from '../terminal/printable.js';
import { ProgressBar } from '../terminal/progress-bar.js';
import { columnsOf } from '../terminal/table.js';

const PAGE_ITEMS = 100;
const POLL_MS = 200;
const COLUMNS = columnsOf(
  ...['id', 'topic', 'subscription', 'sequence', 'attempts', 'last_failed_at', 'reason'],
  ...['last_error', 'payload'],
);

const FILTER_OPTIONS = {
  topic: { kind: 'text', value: 'TOPIC', text: 'Those of this topic.' },
  subscription: { kind: 'text', value: 'NAME', text: 'Those of this subscription of it.' },
} as const satisfies LineOptions;

const list = command({
  name: 'dlq list',
  takes: [],
  text: 'Lists dead letters, by id.',
  example: 'conduit dlq list --topic orders --subscription billing',
  talksTo: 'node',
  options: { ...FILTER_OPTIONS, limit: LIMIT_OPTION },
  run: async (asked) => {
    const { topic, subscription, limit } = asked.options;
    const pages = {
      ...{ path: '/api/dead-letters', member: 'dead_letters', query: { topic, subscription } },
      ...{ limit, pageSize: PAGE_ITEMS },
    };
    await showList(apiOf(asked), pages, { shell: asked.shell, columns: COLUMNS });
    return EXIT_DONE;
  },
});

const show = command({
  name: 'dlq show',
  takes: ['ID'],
  text: 'Shows a dead letter, with its payload and why it was given up.',
  example: 'conduit dlq show 17',
  talksTo: 'node',
  options: {},
  run: async (asked) => {
    showOne(asked.shell, await apiOf(asked).ask(letterPath(asked.args[0] ?? '')));
    return EXIT_DONE;
  },
});

function letterPath(id: string): string {
  return `/api/dead-letters/${segment(id)}`;
}

const dump = command({
  name: 'dlq export',
  takes: [],
  text: 'Writes dead letters to stdout, one JSON object a line, as the node sends them; on a terminal with escapes.',
  example: 'conduit dlq export --topic orders > dead-letters.ndjson',
  talksTo: 'node',
  options: { ...FILTER_OPTIONS, limit: LIMIT_OPTION },
  run: async (asked) => {
    const { topic, subscription, limit } = asked.options;
    const body = await apiOf(asked).stream('/api/dead-letters', {
      query: { topic, subscription, limit },
      headers: { accept: 'application/x-ndjson' },
      signal: asked.shell.end(),
    });
    // On a terminal what a stranger published must not move a cursor; elsewhere bytes stay as they came.
    const decoder = asked.shell.output === 'terminal' ? new TextDecoder() : null;
    for await (const piece of body) {
      const shown =
        decoder === null ? piece : printableLines(decoder.decode(piece, { stream: true }));
      if (!process.stdout.write(shown))
        await new Promise((done) => process.stdout.once('drain', done));
    }
    return EXIT_DONE;
  },
});

/** Which ones, as the API takes it: ids, or a topic and perhaps a subscription of it. */
function filterOf({ args, options }: AskedCommand<typeof FILTER_OPTIONS>) {
  const { topic, subscription } = options;
  if (args.length === 0 && topic === null) throw wrongLine('takes ids, or --topic');
  if (args.length > 0 && (topic !== null || subscription !== null)) {
    throw wrongLine('takes ids, or --topic, not both');
  }
  const ids = args.map((arg) => {
    if (/^\d{1,15}$/.test(arg)) return Number(arg);
    throw wrongLine(`an id is a number, not ${JSON.stringify(arg.slice(0, 40))}`);
  });
  return args.length > 0 ? { ids } : { topic, subscription };
}

const redrive = command({
  name: 'dlq redrive',
  takes: ['[ID...]'],
  text: 'Gives dead letters back to the subscription that failed, and waits until it is done.',
  more: 'Ctrl-C ends the waiting, not the job: `conduit dlq cancel JOB` does that.',
  example: 'conduit dlq redrive --topic orders --subscription billing --rate 50',
  talksTo: 'node',
  options: {
    ...FILTER_OPTIONS,
    limit: LIMIT_OPTION,
    rate: { kind: 'integer', min: 1, max: 100_000, text: 'So many in a second; 1000 without it.' },
    detach: { kind: 'flag', text: 'Shows the job, and does not wait for it.' },
  },
  run: async (asked) => {
    const { limit, rate, detach } = asked.options;
    const body = { ...filterOf(asked), limit, rate_per_s: rate };
    const api = apiOf(asked);
    const started = await api.ask('/api/dead-letters/redrive', { method: 'POST', body });
    const id = String(started.body['job_id']);
    if (detach) {
      showOne(asked.shell, started);
      return EXIT_DONE;
    }
    const ended = await endOf(api, id, asked);
    showOne(asked.shell, ended);
    const { state, failed } = ended.body;
    return state === 'done' && failed === 0 ? EXIT_DONE : 1;
  },
});

async function endOf(
  api: NodeApi,
  id: string,
  { shell }: AskedCommand<LineOptions>,
): Promise<ApiAnswer> {
  const bar = new ProgressBar({ what: 'given back', total: null });
  const end = shell.end();
  try {
    for (;;) {
      const job = await api.ask(jobPath(id));
      const { state, done, total } = job.body;
      if (state !== 'running') return job;
      bar.show(Number(done), Number(total));
      await delay(POLL_MS, null, { signal: end });
    }
  } catch (error) {
    if (!end.aborted) throw error;
    throw new CommandFailure(130, `the job goes on: conduit dlq job ${id}`, { job_id: id });
  } finally {
    bar.end();
  }
}

function jobPath(id: string): string {
  return `/api/jobs/${segment(id)}`;
}

const job = command({
  name: 'dlq job',
  takes: ['JOB'],
  text: 'Tells how far a redrive is.',
  example: 'conduit dlq job 019ac1f2-7d3e-7000-8000-000000000000',
  talksTo: 'node',
  options: {},
  run: async (asked) => {
    showOne(asked.shell, await apiOf(asked).ask(jobPath(asked.args[0] ?? '')));
    return EXIT_DONE;
  },
});

const cancel = command({
  name: 'dlq cancel',
  takes: ['JOB'],
  text: 'Cancels a redrive; what it has done stays done.',
  example: 'conduit dlq cancel 019ac1f2-7d3e-7000-8000-000000000000',
  talksTo: 'node',
  options: {},
  run: async (asked) => {
    const [id = ''] = asked.args;
    await apiOf(asked).ask(jobPath(id), { method: 'DELETE' });
    showDone(asked.shell, { cancelled: id });
    return EXIT_DONE;
  },
});

const purge = command({
  name: 'dlq purge',
  takes: ['[ID...]'],
  text: 'Deletes dead letters.',
  example: 'conduit dlq purge --topic orders --yes',
  talksTo: 'node',
  options: { ...FILTER_OPTIONS, yes: YES_OPTION },
  run: async (asked) => {
    const body = filterOf(asked);
    const { topic, yes } = asked.options;
    const name = topic ?? asked.args[0] ?? '';
    const api = apiOf(asked);
    await consent(asked.shell, { name, what: 'deletes dead letters for good', yes });
    showOne(asked.shell, await api.ask('/api/dead-letters/purge', { method: 'POST', body }));
    return EXIT_DONE;
  },
});

export const DLQ_COMMANDS = [list, show, dump, redrive, job, cancel, purge];
