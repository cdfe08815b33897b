/**
 * The stream of the node: figures each second, what happens as it happens, the last hour at once. It comes
 * back by itself; what was shown stays meanwhile, and is said to be old. A page that nobody sees lets go of
 * it: a browser has six connections to a node, for all of its tabs, and the hour is there again when it
 * comes back.
 */
import { ApiError, ask } from '../api/ask.js';
import { parseJson } from '../api/json.js';
import type {
  Happened,
  Stats,
  WatchCondition,
  WatchFailed,
  WatchFigures,
  WatchHello,
  WatchHistory,
} from '../api/views.js';
import { type Sample, samplesOf, withSample } from './samples.js';

/** Numbered as they come, for lists. */
export type SeenHappened = Happened & { number: number };

export interface Live {
  stats: Stats | null;
  /** How the node, the others and subscriptions stand. */
  condition: WatchCondition | null;
  samples: readonly Sample[];
  /** The newest first. */
  happened: readonly SeenHappened[];
  /**
   * `stale`: the node does not answer, what is shown is what it said last; `refused`: the key is for none of
   * it.
   */
  state: 'waiting' | 'live' | 'stale' | 'refused';
  /** Unix ms; 0: never. */
  updatedAt: number;
  error: Error | null;
  /** The node has another dashboard than this page is of. */
  isOutdated: boolean;
}

export const NOTHING: Live = {
  ...{ stats: null, condition: null, samples: [], happened: [], state: 'waiting' },
  ...{ updatedAt: 0, error: null, isOutdated: false },
};

const TARGET = '/api/stream?client=conduit-dashboard';
const HAPPENED_MAX = 100;
const AGAIN_MS = 2_000;
const HIDDEN_MS = 10_000;

type Change = (change: (live: Live) => Live) => void;

/** Tells `change` until what it gives back is called. `onRefused`: who looks may be nobody any more. */
export function watchNode(change: Change, onRefused: () => void): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isOver = false;
  const fail = (error: Error, state: 'stale' | 'refused'): void => {
    if (!isOver) change((live) => ({ ...live, state, error }));
  };
  const again = (): void => {
    if (!isOver) timer = setTimeout(open, AGAIN_MS);
  };
  const open = (): void => {
    const opened = new EventSource(TARGET);
    source = opened;
    listen(opened, change);
    opened.onerror = () => {
      fail(new ApiError('the node does not answer', { status: 0, code: 'unreachable' }), 'stale');
      if (opened.readyState !== EventSource.CLOSED) return;
      // It was refused, which EventSource does not tell why, and after which it does not come back.
      onRefused();
      ask('GET /api/stats').then(again, (error: Error) => {
        const isForbidden = error instanceof ApiError && error.status === 403;
        fail(error, isForbidden ? 'refused' : 'stale');
        if (!isForbidden) again();
      });
    };
  };
  const letGo = (): void => {
    source?.close();
    source = null;
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  const onSeen = (): void => {
    if (document.visibilityState === 'visible') {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      if (source === null || source.readyState === EventSource.CLOSED) open();
    } else timer ??= setTimeout(letGo, HIDDEN_MS);
  };
  open();
  document.addEventListener('visibilitychange', onSeen);
  return () => {
    isOver = true;
    document.removeEventListener('visibilitychange', onSeen);
    letGo();
  };
}

function listen(source: EventSource, change: Change): void {
  const on = <T>(name: string, use: (told: T, live: Live) => Live): void => {
    source.addEventListener(name, ({ data }: MessageEvent<string>) => {
      const told = parseJson(data) as T;
      change((live) => use(told, live));
    });
  };
  on<WatchHello>('hello', ({ page }, live) => {
    // What happened is told again from its beginning.
    return { ...live, happened: [], isOutdated: live.isOutdated || isOther(page) };
  });
  on<WatchHistory>('history', (history, live) => ({ ...live, samples: samplesOf(history) }));
  on<WatchFigures>('figures', ({ point, stats }, live) => ({
    ...live,
    ...{ stats, samples: withSample(live.samples, point) },
    ...{ state: 'live', updatedAt: Date.now(), error: null },
  }));
  on<WatchCondition>('condition', (condition, live) => ({ ...live, condition }));
  on<WatchFailed>('failed', ({ code, detail }, live) => {
    return { ...live, state: 'stale', error: new ApiError(detail, { status: 503, code }) };
  });
  on<Happened>('happened', (one, live) => ({
    ...live,
    happened: [{ ...one, number: numberBehind(live) }, ...live.happened].slice(0, HAPPENED_MAX),
  }));
}

function numberBehind({ happened }: Live): number {
  return (happened[0]?.number ?? 0) + 1;
}

/** Than the one that this page began with; Vite's own server has none of the node's. */
function isOther(page: string | null): boolean {
  const own = document.querySelector('script[type="module"][src]')?.getAttribute('src') ?? '';
  return page !== null && own.startsWith('/assets/') && own !== page;
}
