/**
 * Runs a script of ops/k6 without k6, which is the reader's to install: the very files, whose imports are
 * those modules of k6 that they use, over HTTP and WebSocket clients for Node.js. Each virtual user is a
 * thread, as its HTTP calls block. What it shows is that scripts, thresholds and summaries work; it is no
 * load generator.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Figure, Figures } from './figures.js';
import { runScenario, type ScenarioOptions } from './scenario.js';
import { type Script, VirtualUser } from './virtual-user.js';

const SCRIPTS = fileURLToPath(new URL('../../../../ops/k6/', import.meta.url));
const MODULES = {
  ...{ '.': 'k6', './execution': 'execution', './http': 'http', './metrics': 'metrics' },
  ...{ './timers': 'timers', './websockets': 'websockets' },
};

export interface Run {
  metrics: Record<string, Figure>;
  /** Of what iterations threw. */
  errors: string[];
  /** What handleSummary() wants to be written, by file. */
  summary: Record<string, string>;
  /** As in `name: rule`, of those that do not hold: k6 would exit with 99. */
  notMet: string[];
}

export async function runScript(name: string, env: Readonly<Record<string, string>>): Promise<Run> {
  const folder = mkdtempSync(path.join(tmpdir(), 'k6-'));
  const agent = new http.Agent({ keepAlive: true });
  const users: VirtualUser[] = [];
  try {
    layOut(folder);
    const script = { url: pathToFileURL(path.join(folder, name)).href, env };
    return await runAll(script, users, agent);
  } finally {
    await Promise.all(users.map((user) => user.stop()));
    agent.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runAll(script: Script, users: VirtualUser[], agent: http.Agent): Promise<Run> {
  const makeUser = async (): Promise<VirtualUser> => {
    const user = new VirtualUser(script, users.length + 1, agent);
    users.push(user);
    await user.ready;
    return user;
  };
  const first = await makeUser();
  const { options, metrics: kinds } = await first.ready;
  const figures = new Figures(kinds, options);
  const errors: string[] = [];
  const outside = { name: '', iterationInTest: 0 };
  const setup = await first.run({ exec: 'setup', argument: undefined, scenario: outside });
  if (setup.error !== '') throw new Error(setup.error);
  figures.add(setup.samples);

  const startedAt = performance.now();
  const scenarios = Object.entries(options['scenarios'] as Record<string, ScenarioOptions>);
  await Promise.all(
    scenarios.map(([name, scenario]) =>
      runScenario({
        ...{ name, options: scenario, data: setup.result, makeUser },
        measured: (samples) => figures.add(samples),
        failed: (error) => errors.push(error),
      }),
    ),
  );
  const metrics = figures.all((performance.now() - startedAt) / 1_000);
  const told = await first.run({
    ...{ exec: 'handleSummary', argument: { metrics }, scenario: outside },
  });
  if (told.error !== '') errors.push(told.error);
  return { metrics, errors, summary: told.result as Run['summary'], notMet: notMet(metrics) };
}

function notMet(metrics: Record<string, Figure>): string[] {
  return Object.entries(metrics).flatMap(([name, { thresholds = {} }]) =>
    Object.entries(thresholds)
      .filter(([, { ok }]) => !ok)
      .map(([rule]) => `${name}: ${rule}`),
  );
}

/** The scripts, and a package `k6` beside them that hands on the modules of this folder. */
function layOut(folder: string): void {
  cpSync(SCRIPTS, folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  const k6 = path.join(folder, 'node_modules/k6');
  mkdirSync(k6, { recursive: true });
  const exports: Record<string, string> = {};
  for (const [specifier, module] of Object.entries(MODULES)) {
    const url = new URL(`./modules/${module}.js`, import.meta.url).href;
    const defaults = module === 'http' || module === 'execution';
    const text = `export * from '${url}';\n`;
    const more = defaults ? `export { default } from '${url}';\n` : '';
    writeFileSync(path.join(k6, `${module}.js`), text + more);
    exports[specifier] = `./${module}.js`;
  }
  const description = { name: 'k6', type: 'module', exports };
  writeFileSync(path.join(k6, 'package.json'), JSON.stringify(description));
}
