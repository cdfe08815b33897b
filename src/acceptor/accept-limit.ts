/**
 * How many connections one address may open in a second, by ACCEPT_RATE_MAX. One too many is closed before
 * anything is read of it, TLS included, so it cannot be told why: it is counted. Trusted proxies are not
 * counted, since all of their clients come from one address.
 */
import type { HttpResponse, TemplatedApp } from 'uWebSockets.js';
import type { Clock } from '../core/clock.js';
import { KeyedRates, shareOf } from '../core/keyed-rates.js';
import type { Limits } from '../core/limits.js';
import { networkOf } from '../core/network-address.js';
import type { SharedCount } from '../core/shared-count.js';
import type { Guard } from './http/guard.js';
import { type Proxies, socketAddress } from './http/proxies.js';

/** As many as so many seconds give may come at once: all clients behind one address, after a restart. */
const BURST_S = 20;
/** Some 8 MiB. */
const ADDRESSES_MAX = 65_536;

export interface AcceptLimitOptions {
  limits: Pick<Limits, 'acceptRateMax'>;
  /** Of the node. */
  acceptors: number;
  clock: Clock;
  guard: Guard;
  proxies: Proxies;
  /** Those that were closed. */
  count: SharedCount;
}

export class AcceptLimit {
  readonly #options: AcceptLimitOptions;
  readonly #rates: KeyedRates<string>;

  constructor(options: AcceptLimitOptions) {
    this.#options = options;
    const { limits, acceptors, clock } = options;
    const perS = limits.acceptRateMax;
    // The system deals out the connections of an address to all acceptors.
    const share = shareOf({ perS, burst: perS * BURST_S }, acceptors);
    this.#rates = new KeyedRates({ ...share, keysMax: ADDRESSES_MAX }, clock);
  }

  mount(app: TemplatedApp): void {
    const changed = (res: HttpResponse, change: unknown): void => {
      // It is called for those that close, too, with -1.
      if (change !== 1) return;
      try {
        this.#opened(res);
      } catch (error) {
        // What reaches uWebSockets ends the process.
        this.#options.guard.caught('accept', error);
      }
    };
    app.filter(changed);
  }

  #opened(res: HttpResponse): void {
    const { proxies, count } = this.#options;
    const address = socketAddress(res);
    if (proxies.isTrusted(address) || this.#rates.take(networkOf(address))) return;
    count.add(1);
    res.close();
  }
}
