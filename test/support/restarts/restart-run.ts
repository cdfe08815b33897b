/** Kills and restarts a node on one port under clients that publish and read, and judges what they saw. */
import pg from 'pg';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { freePort } from '../../../native-bench/rig/free-port.js';
import { startNode, type TestNode } from '../../../native-bench/rig/node.js';
import { startPostgres } from '../../../native-bench/rig/postgres.js';
import { startChromium } from '../browser/chromium.js';
import { SeededRandom } from '../fuzz/seeded-random.js';
import { judgeLog } from '../log/log-checker.js';
import { type LoadPlace, openLoadPage } from './load-page.js';
import { judgeReader, type LoggedPlace } from './reader-judge.js';
import { type LoadFacts, READINGS, RestartLoad } from './restart-load.js';

export interface RestartOptions {
  restarts: number;
  /** Where the client runs. */
  place: 'node' | 'browser';
  seed: number;
  say: (line: string) => void;
}

export interface RestartResult {
  facts: LoadFacts;
  /** Messages in the log. */
  rows: number;
  killed: number;
  terminated: number;
  faults: string[];
}

/** Kept apart from other work: a restart is waited for, not timed. */
const PATIENCE_MS = 120_000;
/** Each goes on by so many before the next blow. */
const STEPS = 8;
/** The blow falls at any time within so long after that. */
const WITHIN_MS = 150;
const SAY_EVERY = 10;
/** The node is back within a second or two, and whoever restarts it waits for the client. */
const RECONNECT = { minDelayMs: 20, maxDelayMs: 250 };

export async function runRestarts(options: RestartOptions): Promise<RestartResult> {
  const postgres = await startPostgres();
  const port = await freePort();
  const env = { DATABASE_URL: postgres.url, PORT: String(port), WORKERS: '1' };
  let node = await startNode(env);
  const browser = options.place === 'browser' ? await startChromium() : null;
  try {
    const topic = 'restarted';
    const load =
      browser === null ? loadHere(node.url, topic) : await openLoadPage(browser, node.url, topic);
    await within(load.start(), 'the client has not begun');
    const random = new SeededRandom(options.seed);
    const blows = { killed: 0, terminated: 0 };
    for (let count = 1; count <= options.restarts; count++) {
      await goesOn(load);
      await pause(random.between(0, WITHIN_MS));
      await blow(node, random.next() < 0.5 ? 'killed' : 'terminated', blows);
      node = await startAgain(env);
      if (count % SAY_EVERY === 0) options.say(`${count} restarts: ${await standing(load)}`);
    }
    await goesOn(load);
    await within(load.stopPublishing(), 'not every publish is answered');
    const log = await readLog(postgres.url, topic);
    await allSeen(load, log.length);
    const facts = await load.facts();
    await load.close();
    const faults = await judge(postgres.url, log, facts);
    return { facts, rows: log.length, ...blows, faults };
  } finally {
    await browser?.close();
    await node.kill9();
    await postgres.stop();
  }
}

/** Where others keep the machine busy one may not be ready in its time: it is killed, and tried again. */
async function startAgain(env: Record<string, string>, tries = 3): Promise<TestNode> {
  try {
    return await startNode(env);
  } catch (error) {
    if (tries === 1) throw error;
    return startAgain(env, tries - 1);
  }
}

function loadHere(url: string, topic: string): LoadPlace {
  const load = new RestartLoad({ url, topic, ...RECONNECT });
  return {
    start: () => load.start(),
    progress: async () => load.progress(),
    sawAll: async (rows) => load.sawAll(rows),
    stopPublishing: () => load.stopPublishing(),
    facts: async () => load.facts,
    close: () => load.close(),
  };
}

async function blow(
  node: TestNode,
  how: 'killed' | 'terminated',
  blows: Record<'killed' | 'terminated', number>,
): Promise<void> {
  blows[how]++;
  if (how === 'killed') await node.kill9();
  else await node.stop();
}

/** Publishes are answered, and each subscription is given messages. */
async function goesOn(load: LoadPlace): Promise<void> {
  const before = await load.progress();
  let now = before;
  try {
    await eventually(async () => {
      now = await load.progress();
      return Object.entries(now).every(([what, count]) => count >= (before[what] ?? 0) + STEPS);
    }, PATIENCE_MS);
  } catch {
    const { errors } = await load.facts();
    const stands = [before, now, errors].map((one) => JSON.stringify(one)).join(', ');
    throw new Error(`not all goes on after a restart: ${stands}`);
  }
}

/** As long as more comes. What is missed then, the judge says. */
async function allSeen(load: LoadPlace, rows: number): Promise<void> {
  let isAll = false;
  for (let isMore = true; isMore && !isAll; ) {
    const before = JSON.stringify(await load.progress());
    await eventually(async () => {
      isAll = await load.sawAll(rows);
      return isAll;
    }, PATIENCE_MS / 4).catch(() => undefined);
    isMore = JSON.stringify(await load.progress()) !== before;
  }
}

async function readLog(databaseUrl: string, topic: string): Promise<LoggedPlace[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ sequence: string; id: string; payload: Buffer }>(
      `SELECT m.sequence, m.message_id AS id, m.payload FROM conduit.messages m
       JOIN conduit.topics t ON t.id = m.topic_id WHERE t.name = $1 ORDER BY m.sequence`,
      [topic],
    );
    return rows.map(({ sequence, id, payload }) => ({
      sequence: Number(sequence),
      messageId: id,
      mark: (JSON.parse(payload.toString('utf8')) as { n: string }).n,
    }));
  } finally {
    await client.end();
  }
}

async function judge(
  databaseUrl: string,
  log: readonly LoggedPlace[],
  { topic, told, seen, errors }: LoadFacts,
): Promise<string[]> {
  const history = told.map((one) => ({ ...one, topic, status: 0 }));
  const { rows, acked, ...wrong } = await judgeLog(databaseUrl, history);
  const ofLog = Object.entries(wrong).flatMap(([what, marks]) =>
    marks.map((mark) => `log: ${what}: ${mark}`),
  );
  const ofPage = Object.keys(errors).filter((what) => /^(page|gap)/.test(what));
  const readers = READINGS.flatMap((reading) => judgeReader(reading, log, seen[reading]));
  return [...ofLog, ...ofPage, ...readers];
}

async function standing(load: LoadPlace): Promise<string> {
  const { told, seen, errors } = await load.facts();
  const counts = READINGS.map((reading) => `${reading} ${seen[reading].length}`).join(', ');
  return `published ${told.length}, ${counts}; told: ${JSON.stringify(errors)}`;
}

/** Rejects, saying so, when it takes longer than it may. */
async function within(done: Promise<void>, text: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(text)), PATIENCE_MS);
  });
  await Promise.race([done, late]).finally(() => clearTimeout(timer));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
