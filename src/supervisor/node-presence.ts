/**
 * The presence of this node, put together: who it is, what it says of itself, in which words its trouble is
 * told; and how its start waits to be let in.
 */
import type { Config } from '../config/config.js';
import type { Peer } from '../core/peer.js';
import { LogConfigurationError } from '../log/contract/log-configuration-error.js';
import { messageOf } from '../log/contract/log-errors.js';
import {
  kindIn,
  LOG_TROUBLES,
  troubleIn,
  troubleOf,
  troubleOfState,
} from '../log/contract/trouble.js';
import { isTransient } from '../log/postgres/session/transient.js';
import type { Logger } from '../observe/logger.js';
import type { Trouble } from '../observe/outages.js';
import { leaseOf, type NodeMemory, nodeFigures } from '../thread/node-memory.js';
import { type ForwardUrlConfig, forwardUrlOf } from './forward-url.js';
import type { Patience } from './patience.js';
import { Presence, type PresenceOptions } from './presence.js';
import { StartRefused } from './start-refused.js';

const RENEWAL = 'the lease of this node cannot be renewed';

export interface NodePresenceOptions extends Pick<PresenceOptions, 'onDrain' | 'onTaken'> {
  /** Those who live, as the database of that place has it. */
  onLiving: (living: readonly Peer[], place: number) => void;
  config: ForwardUrlConfig & Pick<Config, 'nodeId'>;
  version: string;
  bootId: string;
  memory: NodeMemory;
  logger: Logger;
  onTrouble: (trouble: Trouble) => void;
  /** What was said of these kinds is over. */
  onWell: (kinds: readonly string[]) => void;
}

/** In each database, since what is fenced by the lease is in the same one. The first is that of all nodes. */
export class NodePresences {
  readonly #first: Presence;
  readonly #more: readonly Presence[];

  constructor(databaseUrls: readonly string[], options: NodePresenceOptions) {
    const [first = '', ...more] = databaseUrls;
    this.#first = presenceIn({ databaseUrl: first, place: 0 }, options);
    this.#more = more.map((databaseUrl, n) => presenceIn({ databaseUrl, place: n + 1 }, options));
  }

  /** Waits for the first; in the others it enters its name once they are there. Rejects as `enterNodes`. */
  async enter(patience: Patience): Promise<void> {
    await enterNodes(this.#first, patience);
    await Promise.all(this.#more.map((presence) => presence.enterSoon()));
  }

  async stop(): Promise<void> {
    await Promise.all([this.#first, ...this.#more].map((presence) => presence.stop()));
  }
}

function presenceIn(
  { databaseUrl, place }: { databaseUrl: string; place: number },
  options: NodePresenceOptions,
): Presence {
  const { config, version, bootId, memory, onDrain, onTaken } = options;
  const kinds = [...LOG_TROUBLES, RENEWAL].map((kind) => kindIn(kind, place));
  let known: readonly string[] = [];
  return new Presence({
    databaseUrl,
    node: {
      ...{ id: config.nodeId, bootId, addr: config.nodeAddr, version },
      forwardUrl: forwardUrlOf(config),
    },
    lease: leaseOf(memory, place),
    figures: () => nodeFigures(memory),
    onLiving: (living) => {
      const ids = living.map(({ id }) => id);
      if (known.length > 0 && place === 0) tellChange(options.logger, known, ids);
      known = ids;
      options.onLiving(living, place);
    },
    ...{ onDrain, onTaken },
    onTrouble: (error) => options.onTrouble(troubleIn(troubleOf(RENEWAL, error), place)),
    onAway: (detail) => {
      const trouble = troubleOfState('lost', detail);
      if (trouble !== null) options.onTrouble(troubleIn(trouble, place));
    },
    onWell: () => options.onWell(kinds),
  });
}

function tellChange(logger: Logger, before: readonly string[], living: readonly string[]): void {
  const came = living.filter((id) => !before.includes(id));
  const gone = before.filter((id) => !living.includes(id));
  if (came.length + gone.length > 0) logger.tell('cluster.changed', { came, gone, living });
}

/** Resolves once the node is among the others. Rejects StartRefused or LogConfigurationError. */
async function enterNodes(presence: Presence, patience: Patience): Promise<void> {
  for (;;) {
    try {
      await presence.enter();
      return;
    } catch (error) {
      if (error instanceof LogConfigurationError || error instanceof StartRefused) throw error;
      const line = `DATABASE_URL: this node cannot enter its name: ${messageOf(error)}`;
      if (!isTransient(error)) throw new StartRefused(line);
      await patience.pause(line);
    }
  }
}
