// Goal: the contract of webhooks, in memory.
import t from 'tap';
import { systemClock } from '../../src/core/clock.js';
import { MemoryWebhooks } from '../../src/tenant/memory-webhooks.js';
import { WEBHOOK_LIMITS, webhookStoreContract } from './webhook-store.js';

webhookStoreContract(t, async (t) => {
  let changes = 0;
  const store = new MemoryWebhooks({
    ...{ clock: systemClock, limits: WEBHOOK_LIMITS },
    onChanged: () => changes++,
  });
  t.teardown(() => store.close());
  return {
    ...{ store, changes: () => changes },
    changed: async (since) => {
      t.ok(changes > since);
    },
  };
});
