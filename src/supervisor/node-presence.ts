/**
 * The presence of this node, put together: who it is, what it says of itself, in which words its trouble is
 * told; and how its start waits to be let in.
 */
import type { Config } from '../config/config.js';
import { LogConfigurationError } from '../log/contract/log-configuration-error.js';
import { messageOf } from '../log/contract/log-errors.js';
import { LOG_TROUBLES, troubleOf, troubleOfState } from '../log/contract/trouble.js';
import { isTransient } from '../log/postgres/session/transient.js';
import type { Logger } from '../observe/logger.js';
import type { Trouble } from '../observe/outages.js';
import { Lease } from '../thread/lease.js';
import { type NodeMemory, nodeFigures } from '../thread/node-memory.js';
import { type ForwardUrlConfig, forwardUrlOf } from './forward-url.js';
import type { Patience } from './patience.js';
import { Presence, type PresenceOptions } from './presence.js';
import { StartRefused } from './start-refused.js';

const RENEWAL = 'the lease of this node cannot be renewed';

export interface NodePresenceOptions
  extends Pick<PresenceOptions, 'onLiving' | 'onDrain' | 'onTaken'> {
  databaseUrl: string;
  config: ForwardUrlConfig & Pick<Config, 'nodeId'>;
  version: string;
  bootId: string;
  memory: NodeMemory;
  logger: Logger;
  onTrouble: (trouble: Trouble) => void;
  /** What was said of these kinds is over. */
  onWell: (kinds: readonly string[]) => void;
}

export function nodePresence(options: NodePresenceOptions): Presence {
  const { databaseUrl, config, version, bootId, memory, onDrain, onTaken } = options;
  const kinds = [...LOG_TROUBLES, RENEWAL];
  let known: readonly string[] = [];
  return new Presence({
    databaseUrl,
    node: {
      ...{ id: config.nodeId, bootId, addr: config.nodeAddr, version },
      forwardUrl: forwardUrlOf(config),
    },
    lease: new Lease(memory.lease),
    figures: () => nodeFigures(memory),
    onLiving: (living) => {
      const ids = living.map(({ id }) => id);
      if (known.length > 0) tellChange(options.logger, known, ids);
      known = ids;
      options.onLiving(living);
    },
    ...{ onDrain, onTaken },
    onTrouble: (error) => options.onTrouble(troubleOf(RENEWAL, error)),
    onAway: (detail) => {
      const trouble = troubleOfState('lost', detail);
      if (trouble !== null) options.onTrouble(trouble);
    },
    onWell: () => options.onWell(kinds),
  });
}

function tellChange(logger: Logger, before: readonly string[], living: readonly string[]): void {
  const came = living.filter((id) => !before.includes(id));
  const gone = before.filter((id) => !living.includes(id));
  if (came.length + gone.length > 0) logger.info({ came, gone, living }, 'other nodes live now');
}

/** Resolves once the node is among the others. Rejects StartRefused or LogConfigurationError. */
export async function enterNodes(presence: Presence, patience: Patience): Promise<void> {
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
