/**
 * How far first attempts go that are given one by one. What is parked behind another of its key takes no
 * room in a window, so that one key's burst does not hold up the others; it has a bound of its own. Pure.
 */
import type { Cursor } from './cursor.js';

/** How many more the windows of all members together admit. */
export function roomOf({ members, inFlight }: Cursor): number {
  let windows = 0;
  for (const member of members) windows += member.inFlightMax;
  return windows - inFlight;
}

/**
 * Whether to take the next message: not when as many are parked as may be. Its key is not known before it
 * is read, so one whose key is free waits then, too.
 */
export function mayTake({ ordering, inFlight, parked }: Cursor, parkedMax: number): boolean {
  if (ordering === 'topic') return inFlight + parked === 0;
  return parked < parkedMax;
}
