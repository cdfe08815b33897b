/** What the process of a node and its threads use, as they said of themselves within the last second. */

export interface ThreadLoad {
  /** Share of its time that its event loop was busy. */
  busy: number;
  /** The longest that its event loop was late. */
  lateMs: number;
}

export interface WorkerLoad extends ThreadLoad {
  /** Whether it would store a publish now. */
  logOpen: boolean;
}

export interface ProcessFigures {
  /** Cores that all of its threads use together. */
  cpuCores: number;
  residentBytes: number;
  main: ThreadLoad;
  /** By their numbers. */
  workers: readonly WorkerLoad[];
  acceptors: readonly ThreadLoad[];
}

/** A node has fewer threads of a kind. */
const THREADS_MAX = 1_024;

/** Of what another node sent. */
export function isProcess(value: unknown): value is ProcessFigures {
  if (typeof value !== 'object' || value === null) return false;
  const { cpuCores, residentBytes, main, workers, acceptors } = value as Partial<ProcessFigures>;
  return (
    [cpuCores, residentBytes].every(Number.isFinite) &&
    isLoad(main) &&
    areLoads(acceptors) &&
    areLoads(workers) &&
    workers.every(({ logOpen }) => typeof logOpen === 'boolean')
  );
}

function areLoads<T extends ThreadLoad>(value: readonly T[] | undefined): value is readonly T[] {
  return Array.isArray(value) && value.length <= THREADS_MAX && value.every(isLoad);
}

function isLoad(value: unknown): value is ThreadLoad {
  if (typeof value !== 'object' || value === null) return false;
  const { busy, lateMs } = value as Partial<ThreadLoad>;
  return Number.isFinite(busy) && Number.isFinite(lateMs);
}
