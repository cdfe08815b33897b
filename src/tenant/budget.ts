/**
 * What one acceptor may still spend of one rate of one tenant: tokens that it has leased, and some on credit
 * while all that it asked for was given. It is asked for every message, and asks nobody: what it is short of
 * is leased with the next turn. Nothing is given away: what was spent on credit is asked for with the rest.
 */
import { burstOf } from '../core/token-bucket.js';

/** Of what the rate gives in a second. */
const CREDIT_S = 0.25;
/** Who asks for more than this borrows the rest, as long as this is there. */
const STEP_S = 0.1;
/** Turns without demand after which what was leased is let go. */
const IDLE_TURNS = 10;

export class Budget {
  readonly perS: number;
  readonly #step: number;
  readonly #fullCredit: number;
  #credit: number;
  #tokens = 0;
  /** Since it was leased last, what was refused among it. */
  #demand = 0;
  #asked = 0;
  #idleTurns = 0;

  constructor(perS: number) {
    this.perS = perS;
    this.#step = Math.max(1, perS * STEP_S);
    this.#fullCredit = Math.max(1, perS * CREDIT_S);
    this.#credit = this.#fullCredit;
  }

  /** Whether so many may be spent now; they count as demand in either case. */
  allows(count: number): boolean {
    this.#demand += count;
    return this.#tokens + this.#credit >= Math.min(count, this.#step);
  }

  spend(count: number): void {
    this.#tokens -= count;
  }

  /** Whether anything may be spent, for who spends first and is held back then. */
  get isOpen(): boolean {
    return this.#tokens + this.#credit > 0;
  }

  /** For who has not been asked for: what was spent counts as demand. */
  charge(count: number): void {
    this.#demand += count;
    this.#tokens -= count;
  }

  /** Whole tokens; 0 where one that is asked for now would be refused. */
  get left(): number {
    return Math.max(0, Math.floor(this.#tokens + this.#credit));
  }

  /** What is to be leased with this turn; 0: nothing. It is answered by `granted`. */
  wanted(): number {
    const isShort = this.#credit < this.#fullCredit;
    const demand = Math.max(Math.min(this.#demand, burstOf(this.perS)), isShort ? this.#step : 0);
    this.#idleTurns = this.#demand > 0 ? 0 : this.#idleTurns + 1;
    this.#demand = 0;
    if (this.#idleTurns >= IDLE_TURNS) this.#tokens = Math.min(0, this.#tokens);
    this.#asked = Math.max(0, demand - this.#tokens);
    if (this.#asked === 0) this.#credit = this.#fullCredit;
    return this.#asked;
  }

  granted(tokens: number): void {
    this.#tokens += tokens;
    this.#credit = tokens < this.#asked ? 0 : this.#fullCredit;
  }
}
