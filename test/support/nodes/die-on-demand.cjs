// Preloaded into the node under test (NODE_OPTIONS=--require): a thread throws when the file that
// DIE_ON_DEMAND names appears; of the kind that DIE_ON_DEMAND_KIND says, or that the file's name ends in.
// The product itself has no such switch.
const { existsSync, unlinkSync } = require('node:fs');
const { isMainThread, workerData } = require('node:worker_threads');

const { DIE_ON_DEMAND: file, DIE_ON_DEMAND_KIND: kind } = process.env;
if (!isMainThread && file && (kind === undefined || workerData?.kind === kind)) {
  const path = kind === undefined ? `${file}.${workerData?.kind}` : file;
  setInterval(() => {
    if (!existsSync(path)) return;
    unlinkSync(path);
    throw new Error('died on demand');
  }, 10).unref();
}
