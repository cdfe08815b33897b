/**
 * The moves of topics that this worker has under way, one a topic, and what others left of theirs: looked for
 * every few seconds in each database. Nothing here is on the path of a message.
 */

import { type ErrorCode, RequestError } from '../../core/errors.js';
import type { TopicMoved } from '../../core/topic-record.js';
import type { PlacedTopics } from '../contract/placed-topics.js';
import type { TopicMover, WantedMove } from '../contract/topic-mover.js';

/** Whoever asked is answered by then; the move goes on. */
const WAIT_MS = 2_500;
const LOOK_MS = 2_000;
/** Each has two sessions and a page of messages in memory. */
const UNDER_WAY_MAX = 2;
const REFUSALS: readonly ErrorCode[] = ['topic_moving', 'topic_not_found'];

export interface TopicMovesOptions {
  mover: TopicMover;
  /** By place. */
  databases: readonly { readonly placed: Pick<PlacedTopics, 'unsettled'> }[];
  /** It is there now. */
  learn: (topicId: number, place: number) => void;
  /** A move failed, or what is left of one cannot be ended yet. */
  onTrouble: (error: unknown) => void;
}

interface UnderWay {
  to: number;
  end: Promise<void>;
}

export class TopicMoves {
  readonly #options: TopicMovesOptions;
  readonly #underWay = new Map<number, UnderWay>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: TopicMovesOptions) {
    this.#options = options;
  }

  async move(wanted: WantedMove): Promise<TopicMoved> {
    const { topicId, from, to } = wanted;
    const known = this.#underWay.get(topicId);
    if (known === undefined && from === to) return { state: 'moved', from, to };
    if (known !== undefined && known.to !== to) {
      const detail = `the topic is on its way to database ${known.to + 1}; ask again when it is there`;
      throw new RequestError('topic_moving', detail);
    }
    const { end } = known ?? this.#begin(wanted);
    let timer: NodeJS.Timeout | null = null;
    const late = new Promise<'moving'>((resolve) => {
      timer = setTimeout(() => resolve('moving'), WAIT_MS);
    });
    const state = await Promise.race([end.then(() => 'moved' as const), late]).finally(() => {
      if (timer !== null) clearTimeout(timer);
    });
    return { state, from, to };
  }

  /** Looks for what others left. */
  start(): void {
    this.#timer ??= setTimeout(() => {
      this.#look()
        .catch(this.#options.onTrouble)
        .finally(() => {
          if (this.#timer === null) return;
          this.#timer = null;
          this.start();
        });
    }, LOOK_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #begin(wanted: WantedMove): UnderWay {
    if (this.#underWay.size >= UNDER_WAY_MAX) {
      const detail = `this worker moves ${UNDER_WAY_MAX} topics already; ask again`;
      throw new RequestError('busy', detail);
    }
    const { mover, learn, onTrouble } = this.#options;
    const { topicId, to } = wanted;
    const end = mover.move(wanted).then(() => learn(topicId, to));
    const underWay = { to, end };
    this.#underWay.set(topicId, underWay);
    end
      .catch((error: unknown) => {
        if (!isRefused(error)) onTrouble(error);
      })
      .finally(() => this.#underWay.delete(topicId))
      .catch(() => undefined);
    return underWay;
  }

  async #look(): Promise<void> {
    const { databases, mover, learn } = this.#options;
    for (const [place, { placed }] of databases.entries()) {
      const found = await placed.unsettled().catch(noneOfAway);
      for (const { topicId, from } of found.arriving) {
        if (this.#underWay.has(topicId)) continue;
        await this.#tried(async () => {
          const outcome = await mover.end({ topicId, from, to: place });
          if (outcome === 'arrived') learn(topicId, place);
        });
      }
      for (const { topicId, to } of found.late) {
        await this.#tried(() => mover.follow({ topicId, from: place, to }));
      }
    }
  }

  /** One that cannot be ended keeps nothing from the others. */
  async #tried(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.onTrouble(error);
    }
  }
}

/** Whoever asked for it is told. */
function isRefused(error: unknown): boolean {
  return error instanceof RequestError && REFUSALS.includes(error.code);
}

/** It is told that the database is away by others. */
function noneOfAway(error: unknown): { arriving: []; late: [] } {
  if (error instanceof RequestError) return { arriving: [], late: [] };
  throw error;
}
