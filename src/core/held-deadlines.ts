/**
 * What of a cursor's entries is due: those that waited for their time become ready, and those that a member
 * holds are overdue, of which nobody says that they failed before it is known that its socket is empty.
 */
import { deadlineOf, type Entry, type Member } from './cursor-entry.js';
import type { CursorLedger } from './cursor-ledger.js';

/** The members that hold something past its deadline; it stays with them as `overdue`. */
export function wakeDue(ledger: CursorLedger, nowMs: number): Set<Member> {
  const overdue = new Set<Member>();
  const { timers } = ledger;
  while (timers.minKey <= nowMs) {
    const entry = timers.pop();
    if (entry === undefined) break;
    if (entry.state === 'waiting') ledger.wait(entry, nowMs);
    else if (entry.state === 'held') wakeHeld(ledger, entry, { nowMs, overdue });
  }
  return overdue;
}

/** Takes what is past its deadline from the member's `overdue`; what was given more time waits for that. */
export function takeLate(ledger: CursorLedger, member: Member, nowMs: number): Entry[] {
  const { overdue } = member;
  member.overdue = [];
  const late: Entry[] = [];
  for (const entry of overdue) {
    if (entry.state !== 'held' || entry.member !== member) continue;
    const deadline = deadlineOf(entry);
    if (deadline <= nowMs) late.push(entry);
    else ledger.timers.push(deadline, entry);
  }
  return late;
}

function wakeHeld(
  ledger: CursorLedger,
  entry: Entry,
  { nowMs, overdue }: { nowMs: number; overdue: Set<Member> },
): void {
  const { member } = entry;
  const deadline = deadlineOf(entry);
  if (deadline > nowMs) ledger.timers.push(deadline, entry);
  else if (member !== null) {
    if (!member.overdue.includes(entry)) member.overdue.push(entry);
    overdue.add(member);
  }
}
