/**
 * The thread of one virtual user: reads the script as k6 does (each has its own copy of it), then runs the
 * iterations that it is told to, one after another.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { FromVu, Iterate, VuData } from './messages.js';
import { context } from './modules/context.js';
import { declared } from './modules/metrics.js';

type Exported = (argument: unknown) => unknown;

if (parentPort === null) throw new Error('runs as a worker thread only');
const port = parentPort;
const { script, env, vu, flag, answers } = workerData as VuData & { answers: MessagePort };
const globals = globalThis as Record<string, unknown>;
globals['__ENV'] = env;
globals['__VU'] = vu;
globals['__ITER'] = 0;
context.vu = vu;
context.connect(port, answers, new Int32Array(flag));

const exports = (await import(script)) as Record<string, unknown>;
tell({
  kind: 'ready',
  options: (exports['options'] ?? {}) as Record<string, unknown>,
  metrics: declared,
});

port.on('message', (iterate: Iterate) => void run(iterate));

async function run({ exec, argument, scenario }: Iterate): Promise<void> {
  context.scenario = scenario;
  const startedAt = performance.now();
  let result: unknown;
  let error = '';
  try {
    const exported = exports[exec];
    if (typeof exported === 'function') result = await (exported as Exported)(argument);
    else if (scenario.name !== '') error = `the script exports no function ${exec}`;
    await context.whenIdle();
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
  if (scenario.name !== '') {
    context.record('iterations', 1);
    context.record('iteration_duration', performance.now() - startedAt);
    (globals['__ITER'] as number)++;
  }
  tell({ kind: 'done', samples: context.takeSamples(), result, error });
}

function tell(message: FromVu): void {
  port.postMessage(message);
}
