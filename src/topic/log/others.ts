/** The other nodes, as a worker deals with them: those with a log in common, or each with one in memory. */
import type { LogRow } from '../../core/message.js';
import type { Topic } from '../state/subscription.js';
import { Announcements, type AnnouncementsOptions } from './announcements.js';
import { MemoryRelay } from './memory-relay.js';

export type Others = Announcements | MemoryRelay;

/** The way to them, and what is said of it. */
export type OthersWay = Pick<
  AnnouncementsOptions,
  'open' | 'envelopes' | 'cluster' | 'dropped' | 'linkResets' | 'onTrouble' | 'onWell'
>;

/** Stores what another node in memory published, as messages of this one. */
export type TakeIn = (topicId: number, rows: readonly LogRow[]) => LogRow[];

export interface OthersOptions extends Omit<AnnouncementsOptions, keyof OthersWay> {
  /** Null: there is none. */
  way: OthersWay | null;
  /** Null: they have a database in common. */
  takeIn: TakeIn | null;
  payloadBytesMax: number;
  /** Of another node, and in the log of this one by now. */
  onTakenIn: (topic: Topic, rows: readonly LogRow[]) => void;
}

export function othersOf({ way, takeIn, ...options }: OthersOptions): Others | null {
  if (way === null) return null;
  if (takeIn === null) return new Announcements({ ...way, ...options });
  const { topics, payloadBytesMax, onTakenIn } = options;
  const onTold = (topic: Topic, rows: readonly LogRow[]): void =>
    onTakenIn(topic, takeIn(topic.id, rows));
  return new MemoryRelay({ ...way, topics, payloadBytesMax, onTold });
}
