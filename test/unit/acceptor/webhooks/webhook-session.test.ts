// Goal: a fault of ours in sending is told, and does not become a rejection that nobody hears, which would
// end the thread.
import t from 'tap';
import { WebhookSession } from '../../../../src/acceptor/webhooks/webhook-session.js';
import { systemClock } from '../../../../src/core/clock.js';
import { Principal } from '../../../../src/core/principal.js';
import { asTenant } from '../../../../src/core/topic-key.js';

const FRAME = Buffer.from(
  `{"type":"message","message_id":"01a21ef6-e1f5-7fb7-8f15-d0e871f23dc2","topic":"t","payload":1,` +
    `"published_at":"2026-11-28T00:00:00.000Z","sequence":1,"attempt":1}`,
);

t.test('an endpoint that breaks', async (t) => {
  const fault = new Error('a bug');
  const told = new Promise((resolve) => {
    const webhook = { topic: 't', concurrency: 1, version: 'v', secrets: [] } as never;
    const session = new WebhookSession({
      ...{ number: 1, principal: new Principal(asTenant('acme'), ['subscribe']), webhook },
      endpoint: { post: () => Promise.reject(fault), close: () => undefined },
      ...{ clock: systemClock, holds: () => true, onOutcome: () => undefined },
      ...{ onFault: resolve, onEnded: () => undefined },
    });
    session.resumed = () => undefined;
    session.opened({} as never);
    session.giveMessages(FRAME);
  });
  t.equal(await told, fault);
});
