/** What /api/deferred asks of the log: messages that wait for their time. */
import type { z } from 'zod';
import type { DeferredRecord } from '../../core/deferred-record.js';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { deferredPage } from '../../wire/schemas/deferred.js';
import type { Control } from './control.js';

export async function listDeferred(
  { browsing }: Control,
  principal: Principal,
  { topic, limit, after }: z.output<ReturnType<typeof deferredPage>>,
): Promise<DeferredRecord[]> {
  const args = { within: principal.within(topic), after, limit };
  const pages = await browsing.all('deferred.list', args);
  const all = pages.flatMap(({ records }) => records).sort((a, b) => a.id - b.id);
  return all.slice(0, limit);
}

export async function cancelDeferred(
  control: Control,
  principal: Principal,
  { id }: { id: number },
): Promise<undefined> {
  const tenant = principal.whole();
  const answers = await control.ask('deferred.cancel', { tenant, id });
  const outcomes = answers.map((answer) => answer.outcome);
  if (outcomes.includes('cancelled')) return;
  if (outcomes.includes('released')) {
    throw new RequestError('deferred_released', 'the message was published', 'id');
  }
  throw new RequestError('deferred_not_found', 'no such deferred message', 'id');
}
