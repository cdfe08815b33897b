// Goal: the contract of leases of quotas, by the main thread: two acceptors have one store.
import t from 'tap';
import { MemoryLeases } from '../../src/tenant/memory-leases.js';
import { leaseStoreContract } from './lease-store.js';

leaseStoreContract(t, async (t) => {
  let nowMs = 0;
  const store = new MemoryLeases({ monotonic: () => nowMs });
  t.teardown(() => store.close());
  return {
    stores: [store, store],
    later: async (ms) => {
      nowMs += ms;
    },
  };
});
