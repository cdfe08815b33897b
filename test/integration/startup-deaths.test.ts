// Goal: a thread that dies again and again ends the node, with a line and exit code 1, rather than let
// it limp; until then each one is replaced.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';

const PRELOAD = path.join(PACKAGE_FOLDER, 'test/support/nodes/die-on-demand.cjs');
const DEATHS_MAX = 5;

for (const kind of ['worker', 'acceptor']) {
  t.test(`the sixth death of a ${kind} in a minute ends the node`, async (t) => {
    const trigger = path.join(tmpdir(), `deaths-${kind}-${process.pid}`);
    const node = await startNode({
      NODE_OPTIONS: `--require ${PRELOAD}`,
      DIE_ON_DEMAND: trigger,
      DIE_ON_DEMAND_KIND: kind,
      LOG_LEVEL: 'error',
    });
    t.teardown(() => node.kill9());
    for (let death = 1; death <= DEATHS_MAX; death++) {
      writeFileSync(trigger, '');
      await eventually(() => deathsIn(node.output()) === death);
      await eventually(async () => (await readiness(node.url)) === 200);
    }
    writeFileSync(trigger, '');
    t.equal(await node.exited, 1);
    t.match(
      node.output(),
      new RegExp(`^conduit: ${kind}-0 died more than 5 times in a minute$`, 'm'),
    );
    t.notMatch(node.output(), /Native stack trace/);
  });
}

function deathsIn(output: string): number {
  return output.match(/"a thread died"/g)?.length ?? 0;
}

async function readiness(url: string): Promise<number> {
  try {
    return (await request(`${url}/readyz`, {})).status;
  } catch {
    return 0;
  }
}
