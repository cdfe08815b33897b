// Goal: the span of a publish ends with the publish, whatever becomes of it, also with its worker.
import t from 'tap';
import { PendingRequest } from '../../../../src/acceptor/workers/pending-requests.js';
import { TracedPublish } from '../../../../src/acceptor/workers/publish-traces.js';
import type { AcceptorLinkEnd } from '../../../../src/thread/link.js';

class Waiting extends PendingRequest {
  readonly told: string[] = [];

  override get isOwed(): boolean {
    return true;
  }

  override failed({ code }: { code: string }): void {
    this.told.push(code);
  }

  override broken(): void {
    this.told.push('broken');
  }
}

t.test('what fails, and what breaks', async (t) => {
  const waiting = new Waiting({} as AcceptorLinkEnd, 1);
  const ended: (string | undefined)[] = [];
  const span = {
    context: { traceparent: '', tracestate: null },
    end: (_attributes?: object, error?: string) => void ended.push(error),
  };
  new TracedPublish(waiting, span).failed({ code: 'busy', detail: '', field: null });
  new TracedPublish(waiting, span).broken();
  t.same(waiting.told, ['busy', 'broken']);
  t.same(ended, ['busy', 'internal']);
});
