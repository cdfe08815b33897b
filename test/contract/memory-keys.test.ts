// Goal: the contract of tenants and keys, in memory.
import t from 'tap';
import { systemClock } from '../../src/core/clock.js';
import { ANYONE } from '../../src/core/principal.js';
import { MemoryKeys } from '../../src/tenant/memory-keys.js';
import { BOUNDS, keyStoreContract } from './key-store.js';

keyStoreContract(t, async (t) => {
  const told: string[] = [];
  let quotas = 0;
  const store = new MemoryKeys({
    ...{ clock: systemClock, limits: BOUNDS, tenant: ANYONE.tenant },
    onChanged: (ids) => void told.push(...ids),
    onQuotas: () => quotas++,
  });
  t.teardown(() => store.close());
  return { store, told, quotasTold: () => quotas };
});
