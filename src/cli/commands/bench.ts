/** `conduit bench`: the benchmark where its tools are, else the load that a client can make. */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ConduitClient } from '../../client/conduit-client.js';
import { CLIENT_VARIABLES } from '../../config/client-variables.js';
import { type AskedCommand, command, type LineOptions } from '../line/command.js';
import { clientLoad, type LoadFigures } from '../node/client-load.js';
import { connected, failureOf } from '../node/connection.js';
import { removeOwnTopic } from '../node/own-topic.js';
import { apiOf, type NodeAsked, showOne, targetOfAsked } from '../node/shown.js';
import { EXIT_DONE, wrongLine } from '../terminal/failure.js';
import { ProgressBar } from '../terminal/progress-bar.js';

const LOAD_DEFAULTS = { seconds: 5, publishers: 1, subscribers: 1, size: 150 };

const OPTIONS = {
  load: {
    kind: 'choice',
    choices: ['native', 'client'],
    text: 'native: npm run bench, on nodes of its own; client: on the node that is asked.',
  },
  only: { kind: 'text', value: 'NAMES', text: 'Of native: scenarios, with commas between.' },
  seconds: { kind: 'integer', min: 1, max: 3_600, text: 'Of client: for how long (5).' },
  publishers: {
    kind: 'integer',
    min: 0,
    max: 100,
    text: 'Of client: how many (1), 64 publishes each.',
  },
  subscribers: { kind: 'integer', min: 0, max: 100, text: 'Of client: how many (1).' },
  size: { kind: 'integer', min: 1, max: 200_000, text: 'Of client: bytes of a payload (150).' },
} as const satisfies LineOptions;

type Asked = AskedCommand<typeof OPTIONS>;

export const BENCH = command({
  name: 'bench',
  takes: [],
  text: 'Measures: by the benchmark of the repository where its tools are, else by a client of its own.',
  more:
    'The benchmark (native-bench, with g++ and make) starts its own nodes and needs no other load on the machine. It is taken\n' +
    'where it is there and no node is named. The client publishes to a topic of its own, which is deleted again: its figures\n' +
    'are those of one process, client and node together.',
  example: 'conduit bench --load client --seconds 10 --subscribers 4',
  talksTo: 'node',
  options: OPTIONS,
  run: (asked) => (loadOf(asked) === 'native' ? runNative(asked) : runClients(asked)),
});

function loadOf(asked: Asked): 'native' | 'client' {
  const { options, shell } = asked;
  if (options.load === 'client') return 'client';
  const missing = missingTool(shell.packageFolder);
  if (options.load === 'native') {
    if (missing === null) return 'native';
    throw wrongLine(`native needs ${missing}; --load client needs nothing`);
  }
  return missing === null && !isNodeNamed(asked) ? 'native' : 'client';
}

function isNodeNamed({ options, shell }: NodeAsked): boolean {
  const { url, context } = CLIENT_VARIABLES;
  const named = [options['url'], options['context'], shell.env[url], shell.env[context]];
  return named.some((each) => each !== null && each !== undefined);
}

/** Null: all of the benchmark is there. */
function missingTool(packageFolder: string): string | null {
  const program = path.join(packageFolder, 'dist/native-bench/run.js');
  const sources = path.join(packageFolder, 'native-bench/loadgen/main.cpp');
  if (!existsSync(program) || !existsSync(sources)) return 'a clone of the repository';
  for (const tool of ['g++', 'make']) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) return tool;
  }
  return null;
}

/** Its report is its own. */
function runNative({ options, shell }: Asked): Promise<number> {
  const program = path.join(shell.packageFolder, 'dist/native-bench/run.js');
  const only = options.only === null ? [] : ['--only', options.only];
  const child = spawn(process.execPath, [program, '--quick', ...only], {
    cwd: shell.packageFolder,
    stdio: 'inherit',
  });
  // Ctrl-C goes to both; the benchmark ends what it started.
  shell.end();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 130));
  });
}

async function runClients(asked: Asked): Promise<number> {
  const { options, shell } = asked;
  if (options.only !== null) throw wrongLine('--only is of --load native');
  const seconds = options.seconds ?? LOAD_DEFAULTS.seconds;
  const size = options.size ?? LOAD_DEFAULTS.size;
  const publishers = options.publishers ?? LOAD_DEFAULTS.publishers;
  const subscribers = options.subscribers ?? LOAD_DEFAULTS.subscribers;
  const topic = `conduit-bench.${randomUUID()}`;
  const api = apiOf(asked);
  const end = shell.end();
  const bar = new ProgressBar({ what: 'published', total: null });
  const clients: ConduitClient[] = [];
  await api.ask('/api/topics', { method: 'POST', body: { name: topic } });
  try {
    for (let n = 0; n < publishers + subscribers; n++) clients.push(await connected(asked));
    const figures = await clientLoad({
      ...{ topic, size, seconds, end, onProgress: (published) => bar.show(published) },
      publishers: clients.slice(0, publishers),
      subscribers: clients.slice(publishers),
    });
    bar.end();
    const shown = { ...figureMembers(figures), publishers, subscribers, size };
    showOne(shell, { status: 200, text: JSON.stringify(shown), body: shown });
    return shell.wasInterrupted ? 130 : EXIT_DONE;
  } catch (error) {
    throw failureOf(error, targetOfAsked(asked).url);
  } finally {
    bar.end();
    await Promise.all(clients.map((client) => client.close()));
    const left = await removeOwnTopic(api, topic);
    if (left !== null) shell.complain(left);
  }
}

function figureMembers({ seconds, published, delivered, publish, delivery }: LoadFigures) {
  return {
    seconds,
    published,
    published_per_s: Math.round(published / seconds),
    publish_ms: publish,
    delivered,
    delivered_per_s: Math.round(delivered / seconds),
    delivery_ms: delivery,
  };
}
