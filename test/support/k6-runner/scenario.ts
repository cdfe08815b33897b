/** The executors of k6 that the scripts of ops/k6 use. */
import type { Sample } from './messages.js';
import type { Iteration, VirtualUser } from './virtual-user.js';

export interface ScenarioOptions {
  executor: string;
  exec?: string;
  startTime?: string;
  rate?: number;
  timeUnit?: string;
  duration?: string;
  preAllocatedVUs?: number;
  maxVUs?: number;
  vus?: number;
  iterations?: number;
  maxDuration?: string;
}

export interface Stage {
  name: string;
  options: ScenarioOptions;
  /** What setup() returned. */
  data: unknown;
  makeUser(): Promise<VirtualUser>;
  measured(samples: readonly Sample[]): void;
  failed(error: string): void;
}

const TICK_MS = 5;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when its last iteration is over. */
export async function runScenario(stage: Stage): Promise<void> {
  const { executor, startTime = '0s' } = stage.options;
  const run = EXECUTORS[executor];
  if (run === undefined) throw new Error(`no executor ${executor} here`);
  await run(stage, pause(msOf(startTime)));
}

const EXECUTORS: Readonly<Record<string, (stage: Stage, start: Promise<void>) => Promise<void>>> = {
  'constant-arrival-rate': arrivals,
  'per-vu-iterations': perUser,
};

/** Iterations begin at their rate; where no virtual user is free, and no more may be, one is dropped. */
async function arrivals(stage: Stage, start: Promise<void>): Promise<void> {
  const { rate = 1, timeUnit = '1s', duration = '1s' } = stage.options;
  const { preAllocatedVUs = 1, maxVUs = preAllocatedVUs } = stage.options;
  const idle = await Promise.all(Array.from({ length: preAllocatedVUs }, stage.makeUser));
  await start;
  const startedAt = performance.now();
  const everyMs = msOf(timeUnit) / rate;
  const total = Math.round(msOf(duration) / everyMs);
  const under = new Set<Promise<void>>();
  let users = idle.length;
  const begin = (user: VirtualUser, iterationInTest: number): void => {
    const over = iterate(stage, user, iterationInTest).then(() => {
      idle.push(user);
      under.delete(over);
    });
    under.add(over);
  };
  for (let n = 0; n < total; n++) {
    while (performance.now() - startedAt < n * everyMs) await pause(TICK_MS);
    const user = idle.pop();
    if (user !== undefined) {
      begin(user, n);
      continue;
    }
    stage.measured([{ metric: 'dropped_iterations', value: 1, tags: { scenario: stage.name } }]);
    if (users >= maxVUs) continue;
    users++;
    void stage.makeUser().then((made) => idle.push(made));
  }
  await Promise.all(under);
}

async function perUser(stage: Stage, start: Promise<void>): Promise<void> {
  const { vus = 1, iterations = 1 } = stage.options;
  const users = await Promise.all(Array.from({ length: vus }, stage.makeUser));
  await start;
  let next = 0;
  await Promise.all(
    users.map(async (user) => {
      for (let n = 0; n < iterations; n++) await iterate(stage, user, next++);
    }),
  );
}

async function iterate(stage: Stage, user: VirtualUser, iterationInTest: number): Promise<void> {
  const { name, options, data } = stage;
  const scenario = { name, iterationInTest };
  const { samples, error }: Iteration = await user.run({
    ...{ exec: options.exec ?? 'default', argument: data, scenario },
  });
  stage.measured(samples);
  if (error !== '') stage.failed(error);
}

function msOf(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.map(([part]) => part).join('') !== text) throw new Error(`${text} is no duration`);
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (units[unit] ?? 0), 0);
}
