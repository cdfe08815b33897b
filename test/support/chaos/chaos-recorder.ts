/** Where all that happens in a chaos test is written down, in the order it was seen. */
import type { DeliveryEvent } from '../delivery/delivery-history.js';

type Distribute<T> = T extends unknown ? Omit<T, 'at'> : never;
/** Without its time, for those that have one. */
export type UntimedEvent = Distribute<DeliveryEvent>;

export class ChaosRecorder {
  readonly events: DeliveryEvent[] = [];
  /** What was done to the server. */
  readonly blows: { at: number; what: string }[] = [];
  /** What no fault explains. */
  readonly problems = new Map<string, number>();
  /** Refusals that faults explain, by code. */
  readonly refusals = new Map<string, number>();
  /** By connection: null is ephemeral. */
  readonly subscriptions = new Map<number, string | null>();
  /** Sessions that have not ended. */
  readonly #open = new Set<number>();
  /** Outages of now: sessions that there were during each. */
  readonly #outages = new Set<Set<number>>();
  onEvent: ((event: UntimedEvent) => void) | null = null;
  /** The first of each text, as it comes. */
  onProblem: ((text: string) => void) | null = null;
  readonly #startedAt = performance.now();
  #connections = 0;

  now(): number {
    return performance.now() - this.#startedAt;
  }

  nextConnection(): number {
    return ++this.#connections;
  }

  add(event: UntimedEvent): void {
    this.events.push({ ...event, at: this.now() } as DeliveryEvent);
    if (event.type === 'opened') {
      this.subscriptions.set(event.connection, event.subscription);
      this.#open.add(event.connection);
      for (const outage of this.#outages) this.#meet(outage, event.connection);
    } else if (event.type === 'ended') this.#open.delete(event.connection);
    this.onEvent?.(event);
  }

  /**
   * From now on nodes may be out of each other's reach: what was sent to sessions through another node may be
   * given back. Call what it returns when that is over.
   */
  outage(): () => void {
    const outage = new Set<number>();
    this.#outages.add(outage);
    for (const connection of this.#open) this.#meet(outage, connection);
    return () => {
      this.#outages.delete(outage);
      for (const connection of outage) this.add({ type: 'unreached', connection });
    };
  }

  #meet(outage: Set<number>, connection: number): void {
    outage.add(connection);
    this.add({ type: 'unreached', connection });
  }

  blow(what: string): void {
    this.blows.push({ at: this.now(), what });
  }

  problem(text: string): void {
    if (!this.problems.has(text)) this.onProblem?.(text);
    this.problems.set(text, (this.problems.get(text) ?? 0) + 1);
  }

  refused(code: string): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }

  /** What happened to one message and around it, for who has to find out why. */
  timeline(topic: string, sequence: number): string[] {
    const mine = this.events.filter((event) => concerns(event, topic, sequence));
    const connections = new Set(
      mine.flatMap((event) => ('connection' in event ? [event.connection] : [])),
    );
    const refs = new Set(mine.flatMap((event) => (event.type === 'said' ? [event.ref] : [])));
    const around = this.events.filter((event) => {
      if (event.type === 'confirmed') return refs.has(event.ref);
      if (event.type === 'published' || event.type === 'delivered') return false;
      if (event.type === 'said' || event.type === 'subscribed') return false;
      return connections.has(event.connection);
    });
    const lines = [...mine, ...around].map((event) => ({
      at: 'at' in event ? event.at : 0,
      what: JSON.stringify(event),
    }));
    return [...lines, ...this.blows]
      .sort((a, b) => a.at - b.at)
      .map(({ at, what }) => `${Math.round(at)} ms: ${what}`);
  }
}

function concerns(event: DeliveryEvent, topic: string, sequence: number): boolean {
  if (!('sequence' in event) || event.topic !== topic) return false;
  if (event.type === 'said' && event.cumulative) return event.sequence >= sequence;
  return event.sequence === sequence;
}
