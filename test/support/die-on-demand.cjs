// Preloaded into the node under test (NODE_OPTIONS=--require): a topic worker throws when the file that
// DIE_ON_DEMAND names appears. The product itself has no such switch.
const { existsSync, unlinkSync } = require('node:fs');
const { isMainThread, workerData } = require('node:worker_threads');

const path = process.env.DIE_ON_DEMAND;
if (!isMainThread && path && workerData?.kind === process.env.DIE_ON_DEMAND_KIND) {
  setInterval(() => {
    if (!existsSync(path)) return;
    unlinkSync(path);
    throw new Error('died on demand');
  }, 10).unref();
}
