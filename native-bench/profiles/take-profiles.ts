/**
 * Preloaded into each thread of a node under load (NODE_OPTIONS=--import): profiles it from shortly after
 * its start to its end, and leaves `<thread>.cpuprofile` and `<thread>.heapprofile` in the folder
 * PROFILES_FOLDER.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import path from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';

/** Allocations are sampled once in so many bytes. */
const ALLOCATION_BYTES = 32_768;
const CPU_INTERVAL_US = 500;
/** Modules are loaded by then. */
const AFTER_MS = 1_000;

const folder = process.env['PROFILES_FOLDER'];
if (folder !== undefined && !isMainThread) {
  setTimeout(() => takeProfiles(folder), AFTER_MS).unref();
}

function takeProfiles(into: string): void {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_US });
  session.post('Profiler.start');
  const everything = {
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  };
  session.post('HeapProfiler.startSampling', { samplingInterval: ALLOCATION_BYTES, ...everything });
  // `.../acceptor-thread.js`
  const thread = path.basename(process.argv[1] ?? '', '.js').replace(/-thread$/, '');
  // Two nodes profile into one folder; both have names then.
  const node = process.env['NODE_ID'];
  const file = path.join(into, `${node === undefined ? '' : `${node}-`}${thread}-${threadId}`);
  const write = (extension: string, error: Error | null, profile: unknown): void => {
    if (error !== null) throw error;
    writeFileSync(`${file}.${extension}`, JSON.stringify(profile));
  };
  // Both call back before `post` returns.
  process.once('exit', () => {
    session.post('Profiler.stop', (error, stopped) => write('cpuprofile', error, stopped?.profile));
    session.post('HeapProfiler.stopSampling', (error, stopped) =>
      write('heapprofile', error, stopped?.profile),
    );
  });
}
