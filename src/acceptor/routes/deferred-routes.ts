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
  const { tenant } = principal;
  await checkReach(control, principal, id);
  const answers = await control.ask('deferred.cancel', { tenant, id });
  const outcomes = answers.map((answer) => answer.outcome);
  if (outcomes.includes('cancelled')) return;
  if (outcomes.includes('released')) {
    throw new RequestError('deferred_released', 'the message was published', 'id');
  }
  throw deferredNotFound();
}

/** A key that is for some topics cancels what waits for these; of what was released it is told nothing. */
async function checkReach({ browsing }: Control, principal: Principal, id: number): Promise<void> {
  const { tenant, topics } = principal;
  if (topics === null) return;
  const pages = await browsing.all('deferred.list', { within: tenant, after: id - 1, limit: 1 });
  const found = pages.flatMap(({ records }) => records).find((record) => record.id === id);
  if (found === undefined || !principal.reaches(found.topic)) throw deferredNotFound();
}

function deferredNotFound(): RequestError {
  return new RequestError('deferred_not_found', 'no such deferred message', 'id');
}
