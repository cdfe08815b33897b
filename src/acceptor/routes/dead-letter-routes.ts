/**
 * /api/dead-letters, /api/jobs and /api/messages: what was given up, giving it back, and what became of one
 * message. Lists come from the store; redriving is the work of the topics' owners, each doing its part of
 * a job that the acceptor names.
 */

import type { HttpRequest } from 'uWebSockets.js';
import type { z } from 'zod';
import { type DeadLetterGroup, mergedGroups } from '../../core/dead-letter-group.js';
import type { DeadLetterFilter } from '../../core/dead-letter-record.js';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { RedriveJob } from '../../core/redrive-job.js';
import { topicNameOf } from '../../core/topic-key.js';
import { formatUuid, makeUuidV7 } from '../../core/uuid.js';
import type {
  LetterNames,
  letterPage,
  redrive,
  tracePage,
} from '../../wire/schemas/dead-letters.js';
import { deadLetterPageView } from '../../wire/views/dead-letter-view.js';
import type { Exchange } from '../http/exchange.js';
import { PacedWriter } from '../http/paced-writer.js';
import type { Control } from './control.js';
import { readLetters } from './letter-pages.js';

const NDJSON = 'application/x-ndjson';
/** Of an export, at a time. */
const LETTERS_MAX = 1_000;
const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;

const ANY = { topic: null, subscription: null };

const STATES = ['running', 'failed', 'cancelled', 'done'] as const;

export class DeadLetterRoutes {
  readonly #control: Control;
  #exports = 0;

  constructor(control: Control) {
    this.#control = control;
  }

  /** A page, or an export for whoever asks for lines. */
  list(
    exchange: Exchange,
    req: HttpRequest,
    { after, limit, ...names }: z.output<ReturnType<typeof letterPage>>,
  ): Promise<void> {
    const { exportsMax } = this.#control.limits;
    const filter = filterOf(exchange.principal, { ...names, ids: null });
    const range = { after, limit };
    if (!req.getHeader('accept').includes(NDJSON)) return this.#page(exchange, filter, range);
    if (this.#exports >= exportsMax) {
      const detail = `${exportsMax} exports are under way (EXPORTS_MAX); try again later`;
      throw new RequestError('busy', detail);
    }
    this.#exports++;
    const done = (): void => void this.#exports--;
    return this.#export(exchange, filter, range).finally(done);
  }

  async #page(
    exchange: Exchange,
    filter: DeadLetterFilter,
    { after, limit }: { after: number; limit: number | null },
  ): Promise<void> {
    const { browsing, limits } = this.#control;
    const range = { after, limit: limit ?? limits.pageItemsMax, lines: false };
    const { texts, next } = await readLetters(browsing, filter, range);
    exchange.reply(200, deadLetterPageView(texts, next));
  }

  /** Of all who have some. */
  async groups(
    principal: Principal,
    names: Pick<LetterNames, 'topic' | 'subscription'>,
  ): Promise<DeadLetterGroup[]> {
    const filter = filterOf(principal, { ...names, ids: null });
    const answers = await this.#control.browsing.all('dead-letters.groups', filter);
    return mergedGroups(answers.flatMap(({ groups }) => groups));
  }

  async get(principal: Principal, { id }: { id: number }): Promise<Uint8Array> {
    const range = { after: 0, limit: 1, lines: false };
    const filter = filterOf(principal, { ...ANY, ids: [id] });
    const [text] = (await readLetters(this.#control.browsing, filter, range)).texts;
    if (text === undefined) throw letterNotFound();
    return text;
  }

  async delete(principal: Principal, { id }: { id: number }): Promise<undefined> {
    const purged = await this.purge(principal, { ...ANY, ids: [id] });
    if (purged === 0) throw letterNotFound();
  }

  async job(principal: Principal, { id }: { id: string }): Promise<RedriveJob> {
    return wholeOf(await this.#parts(principal, 'job.get', id));
  }

  async cancel(principal: Principal, { id }: { id: string }): Promise<undefined> {
    await this.#parts(principal, 'job.cancel', id);
  }

  /** What a job would find; `gone`: matched, but nobody is there to take them. At most `limit`. */
  async match(
    principal: Principal,
    names: LetterNames,
    limit: number,
  ): Promise<{ matched: number; gone: number }> {
    const args = { ...filterOf(principal, names), limit };
    const found = await this.#control.askAll('dead-letters.match', args);
    const matched = Math.min(limit, sum(found.map((part) => part.matched)));
    return { matched, gone: sum(found.map((part) => part.gone)) };
  }

  /** Every worker is asked first what it has: a job that is refused starts nowhere. */
  async redrive(
    principal: Principal,
    { limit, rate_per_s: rate, ...names }: z.output<ReturnType<typeof redrive>>,
  ): Promise<{ jobId: string; matched: number }> {
    const filter = filterOf(principal, names);
    const found = await this.#control.askAll('dead-letters.match', { ...filter, limit });
    const gone = sum(found.map((part) => part.gone));
    if (sum(found.map((part) => part.matched)) === 0) {
      const detail = 'their sessions have ended, and their subscriptions with them';
      if (gone > 0) throw new RequestError('subscription_gone', detail);
      if (filter.ids !== null) throw letterNotFound();
    }
    const job = formatUuid(makeUuidV7(Date.now(), 0));
    try {
      const args = { ...filter, limit, rate, job };
      const parts = await this.#control.askAll('dead-letters.redrive', args);
      return { jobId: job, matched: sum(parts.map((part) => part.matched)) };
    } catch (error) {
      // Sent to all who are there; one that is not has no part of the job. The first error is the answer.
      const { tenant } = principal;
      this.#control.askAll('job.give-up', { tenant, job }).catch(() => undefined);
      throw error;
    }
  }

  /** A page of what is stored, with what the owner of the topic knows of what it has open. */
  async trace(
    principal: Principal,
    id: string,
    page: z.output<ReturnType<typeof tracePage>>,
  ): Promise<Uint8Array> {
    const { browsing } = this.#control;
    const { tenant } = principal;
    const answers = await browsing.all('message.find', { tenant, id });
    const message = answers.find((answer) => answer.found !== null)?.found;
    if (message == null || !principal.reaches(topicNameOf(message.key))) {
      throw new RequestError('message_not_found', 'no such message', 'id');
    }
    const of = { ...message, ...page };
    const { open } = await this.#control.call('message.live', of);
    const { body } = await browsing.of('message.trace', { ...of, open });
    return body;
  }

  async #parts(
    principal: Principal,
    method: 'job.get' | 'job.cancel',
    job: string,
  ): Promise<RedriveJob[]> {
    const answers = await this.#control.askAll(method, { tenant: principal.whole(), job });
    const parts = answers.flatMap((answer) => answer.part ?? []);
    if (parts.length > 0) return parts;
    throw new RequestError('job_not_found', 'no such job here, or it ended long ago', 'id');
  }

  /** How many are gone. */
  async purge(principal: Principal, names: LetterNames): Promise<number> {
    const { browsing } = this.#control;
    const filter = filterOf(principal, names);
    let purged = 0;
    // Each ask takes its turn with those of others.
    for (let more = true; more; ) {
      const answers = await browsing.all('dead-letters.purge', filter);
      purged += sum(answers.map((answer) => answer.purged));
      more = answers.some((answer) => answer.more);
    }
    return purged;
  }

  /** One dead letter a line, page by page at the client's pace. */
  async #export(
    exchange: Exchange,
    filter: DeadLetterFilter,
    { after, limit }: { after: number; limit: number | null },
  ): Promise<void> {
    const { browsing, gate } = this.#control;
    const lines = true;
    let left = limit ?? SEQUENCE_MAX;
    let page = await readLetters(browsing, filter, {
      after,
      limit: Math.min(left, LETTERS_MAX),
      lines,
    });
    if (!exchange.isOpen) return;
    const writing = new PacedWriter(exchange, NDJSON);
    while (exchange.isOpen) {
      left -= page.texts.length;
      const isOpen = await writing.write(Buffer.concat(page.texts));
      if (!isOpen || page.next === null || left <= 0) break;
      // It may take as long as its client likes, and its key may be revoked meanwhile.
      if (!(await gate.stillMay(exchange))) {
        exchange.breakOff();
        return;
      }
      const range = { after: page.next, limit: Math.min(left, LETTERS_MAX), lines };
      page = await readLetters(browsing, filter, range);
    }
    exchange.endStream();
  }
}

/** What somebody names, of his tenant's. */
function filterOf(principal: Principal, names: LetterNames): DeadLetterFilter {
  const { topic, subscription, ids } = names;
  return { within: principal.within(topic), subscription, ids };
}

/** Of a job that has a part at each worker. */
function wholeOf(parts: readonly RedriveJob[]): RedriveJob {
  const total = (of: 'done' | 'total' | 'failed'): number => sum(parts.map((part) => part[of]));
  const state = STATES.find((one) => parts.some((part) => part.state === one)) ?? 'done';
  return { state, done: total('done'), total: total('total'), failed: total('failed') };
}

function letterNotFound(): RequestError {
  return new RequestError('dead_letter_not_found', 'no such dead letter', 'id');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
