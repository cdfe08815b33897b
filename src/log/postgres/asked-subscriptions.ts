/**
 * The store of subscriptions, as callers of the log get it: each query goes through the log's `ask`, which
 * tells what PostgreSQL says against it and answers with the kind of it.
 */
import type { SubscriptionStore } from '../contract/subscription-store.js';

type RunQuery = <T>(query: () => Promise<T>) => Promise<T>;

export class AskedSubscriptions implements SubscriptionStore {
  readonly #store: SubscriptionStore;
  readonly #ask: RunQuery;

  constructor(store: SubscriptionStore, ask: RunQuery) {
    this.#store = store;
    this.#ask = ask;
  }

  readonly take: SubscriptionStore['take'] = (...of) => this.#ask(() => this.#store.take(...of));
  readonly release: SubscriptionStore['release'] = (...of) =>
    this.#ask(() => this.#store.release(...of));
  readonly find: SubscriptionStore['find'] = (...of) => this.#ask(() => this.#store.find(...of));
  readonly list: SubscriptionStore['list'] = (...of) => this.#ask(() => this.#store.list(...of));
  readonly arrears: SubscriptionStore['arrears'] = (...of) =>
    this.#ask(() => this.#store.arrears(...of));
  readonly lost: SubscriptionStore['lost'] = (...of) => this.#ask(() => this.#store.lost(...of));
  readonly delete: SubscriptionStore['delete'] = (...of) =>
    this.#ask(() => this.#store.delete(...of));
  readonly save: SubscriptionStore['save'] = (...of) => this.#ask(() => this.#store.save(...of));
  readonly saveEphemeral: SubscriptionStore['saveEphemeral'] = (...of) =>
    this.#ask(() => this.#store.saveEphemeral(...of));
  readonly listDeadLetters: SubscriptionStore['listDeadLetters'] = (...of) =>
    this.#ask(() => this.#store.listDeadLetters(...of));
  readonly countDeadLetters: SubscriptionStore['countDeadLetters'] = (...of) =>
    this.#ask(() => this.#store.countDeadLetters(...of));
  readonly groupDeadLetters: SubscriptionStore['groupDeadLetters'] = (...of) =>
    this.#ask(() => this.#store.groupDeadLetters(...of));
  readonly purgeDeadLetters: SubscriptionStore['purgeDeadLetters'] = (...of) =>
    this.#ask(() => this.#store.purgeDeadLetters(...of));
  readonly redrive: SubscriptionStore['redrive'] = (...of) =>
    this.#ask(() => this.#store.redrive(...of));
  readonly redriven: SubscriptionStore['redriven'] = (...of) =>
    this.#ask(() => this.#store.redriven(...of));
  readonly redrivenRows: SubscriptionStore['redrivenRows'] = (...of) =>
    this.#ask(() => this.#store.redrivenRows(...of));
  readonly findMessage: SubscriptionStore['findMessage'] = (...of) =>
    this.#ask(() => this.#store.findMessage(...of));
  readonly traceOf: SubscriptionStore['traceOf'] = (...of) =>
    this.#ask(() => this.#store.traceOf(...of));
}
