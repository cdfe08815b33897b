/**
 * /api/dead-letters, /api/jobs and /api/messages: what was given up, giving it back, and what became of one
 * message. Lists come from the store; redriving is the work of the topics' owners, each doing its part of
 * a job that the acceptor names.
 */
import type { DeadLetterFilter } from '../../core/dead-letter-record.js';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { RedriveJob } from '../../core/redrive-job.js';
import { checkTopicName, isName } from '../../core/topic-name.js';
import { formatUuid, makeUuidV7, parseUuid } from '../../core/uuid.js';
import { deadLetterPageView, purgedView } from '../../wire/views/dead-letter-view.js';
import {
  redriveJobView,
  type StartedJobView,
  startedJobView,
} from '../../wire/views/redrive-job-view.js';
import type { Exchange } from '../http/exchange.js';
import { PacedWriter } from '../http/paced-writer.js';
import { Query } from '../http/query.js';
import type { Route, RouteHandler } from '../http/router.js';
import { type Body, idsOf, integerOf, knownFields, textOf } from './body-fields.js';
import type { Control } from './control.js';
import { letterPage } from './letter-pages.js';

const NDJSON = 'application/x-ndjson';
const IDS_MAX = 1_000;
const REDRIVE_MAX = 10_000_000;
const RATE_MAX = 100_000;
const RATE_DEFAULT = 1_000;
const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;

/** What narrows; null does not. */
interface Names {
  topic: string | null;
  subscription: string | null;
}

const ANY: Names = { topic: null, subscription: null };

const STATES = ['running', 'failed', 'cancelled', 'done'] as const;

export function deadLetterRoutes(control: Control): Route[] {
  const routes = new DeadLetterRoutes(control);
  return [
    { path: '/api/dead-letters', methods: { get: routes.list } },
    { path: '/api/dead-letters/redrive', methods: { post: routes.redrive } },
    { path: '/api/dead-letters/purge', methods: { post: routes.purge } },
    { path: '/api/dead-letters/:id', methods: { get: routes.get, delete: routes.delete } },
    { path: '/api/jobs/:id', methods: { get: routes.job, delete: routes.cancel } },
    { path: '/api/messages/:id', methods: { get: routes.message } },
  ];
}

class DeadLetterRoutes {
  readonly #control: Control;
  #exports = 0;

  constructor(control: Control) {
    this.#control = control;
  }

  readonly list: RouteHandler = (exchange, req) => {
    const { limits } = this.#control;
    const query = new Query(req.getQuery() ?? '', ['topic', 'subscription', 'limit', 'after']);
    const names = { topic: query.text('topic'), subscription: query.text('subscription') };
    const filter = this.#filter(exchange.principal, names, null);
    const limit = query.integer('limit', 1, limits.pageItemsMax);
    const after = query.integer('after', 0, SEQUENCE_MAX) ?? 0;
    if (req.getHeader('accept').includes(NDJSON)) {
      if (this.#exports >= limits.exportsMax) {
        const detail = `${limits.exportsMax} exports are under way (EXPORTS_MAX); try again later`;
        throw new RequestError('busy', detail);
      }
      this.#exports++;
      const done = (): void => void this.#exports--;
      const range = { after, limit };
      this.#control.run(exchange, () => this.#export(exchange, filter, range).finally(done));
      return;
    }
    this.#control.run(exchange, async () => {
      const range = { after, limit: limit ?? limits.pageItemsMax, lines: false };
      const { texts, next } = await letterPage(this.#control.browsing, filter, range);
      exchange.reply(200, deadLetterPageView(texts, next));
    });
  };

  readonly get: RouteHandler = (exchange, _req, segment) => {
    const filter = this.#filter(exchange.principal, ANY, [idOf(segment)]);
    this.#control.run(exchange, async () => {
      const range = { after: 0, limit: 1, lines: false };
      const { texts } = await letterPage(this.#control.browsing, filter, range);
      exchange.reply(200, found(texts[0]));
    });
  };

  readonly delete: RouteHandler = (exchange, _req, segment) => {
    const filter = this.#filter(exchange.principal, ANY, [idOf(segment)]);
    this.#control.run(exchange, async () => {
      found((await this.#purge(filter)) === 0 ? undefined : filter);
      exchange.noContent();
    });
  };

  readonly purge: RouteHandler = (exchange, req) => {
    this.#control.withBody(
      exchange,
      req,
      async (body) => {
        knownFields(body, ['ids', 'topic', 'subscription']);
        const filter = this.#filterOf(exchange.principal, body, 'topic');
        exchange.json(200, purgedView(await this.#purge(filter)));
      },
      'publishBodyBytesMax',
    );
  };

  readonly redrive: RouteHandler = (exchange, req) => {
    this.#control.withBody(
      exchange,
      req,
      async (body) => {
        knownFields(body, ['ids', 'topic', 'subscription', 'limit', 'rate_per_s']);
        const filter = this.#filterOf(exchange.principal, body, 'subscription');
        const limit = integerOf(body, 'limit', { min: 1, max: REDRIVE_MAX }) ?? REDRIVE_MAX;
        const rate = integerOf(body, 'rate_per_s', { min: 1, max: RATE_MAX }) ?? RATE_DEFAULT;
        exchange.json(202, await this.#startJob(exchange.principal, filter, { limit, rate }));
      },
      'publishBodyBytesMax',
    );
  };

  readonly job: RouteHandler = (exchange, _req, job) => {
    this.#control.run(exchange, async () => {
      const parts = await this.#parts(exchange.principal, 'job.get', job);
      exchange.json(200, redriveJobView(job, wholeOf(parts)));
    });
  };

  readonly cancel: RouteHandler = (exchange, _req, job) => {
    this.#control.run(exchange, async () => {
      await this.#parts(exchange.principal, 'job.cancel', job);
      exchange.noContent();
    });
  };

  readonly message: RouteHandler = (exchange, req, id) => {
    if (parseUuid(id) === null) {
      throw new RequestError('invalid_field', 'must be a message_id, a UUID', 'id');
    }
    const { limits } = this.#control;
    const query = new Query(req.getQuery() ?? '', ['limit', 'after']);
    const limit = query.integer('limit', 1, limits.pageItemsMax) ?? limits.pageItemsMax;
    const page = { after: query.text('after') ?? '', limit };
    this.#control.run(exchange, async () => {
      exchange.reply(200, await this.#trace(exchange.principal, id, page));
    });
  };

  /** Every worker is asked first what it has: a job that is refused starts nowhere. */
  async #startJob(
    { tenant }: Principal,
    filter: DeadLetterFilter,
    pace: { limit: number; rate: number },
  ): Promise<StartedJobView> {
    const { limit } = pace;
    const found = await this.#control.askAll('dead-letters.match', { ...filter, limit });
    const gone = sum(found.map((part) => part.gone));
    if (sum(found.map((part) => part.matched)) === 0) {
      const detail = 'their sessions have ended, and their subscriptions with them';
      if (gone > 0) throw new RequestError('subscription_gone', detail);
      if (filter.ids !== null) throw letterNotFound();
    }
    const job = formatUuid(makeUuidV7(Date.now(), 0));
    try {
      const args = { ...filter, ...pace, job };
      const parts = await this.#control.askAll('dead-letters.redrive', args);
      return startedJobView(job, sum(parts.map((part) => part.matched)));
    } catch (error) {
      // Sent to all who are there; one that is not has no part of the job. The first error is the answer.
      this.#control.askAll('job.give-up', { tenant, job }).catch(() => undefined);
      throw error;
    }
  }

  /** A page of what is stored, with what the owner of the topic knows of what it has open. */
  async #trace(
    { tenant }: Principal,
    id: string,
    page: { after: string; limit: number },
  ): Promise<Uint8Array> {
    const { browsing } = this.#control;
    const answers = await browsing.all('message.find', { tenant, id });
    const message = answers.find((answer) => answer.found !== null)?.found;
    if (message == null) throw new RequestError('message_not_found', 'no such message', 'id');
    const { key } = message;
    const of = { ...message, ...page };
    const { open } = await this.#control.call(key, 'message.live', of);
    const { body } = await browsing.of(key, 'message.trace', { ...of, open });
    return body;
  }

  async #parts(
    { tenant }: Principal,
    method: 'job.get' | 'job.cancel',
    job: string,
  ): Promise<RedriveJob[]> {
    const answers = await this.#control.askAll(method, { tenant, job });
    const parts = answers.flatMap((answer) => answer.part ?? []);
    if (parts.length > 0) return parts;
    throw new RequestError('job_not_found', 'no such job here, or it ended long ago', 'id');
  }

  async #purge(filter: DeadLetterFilter): Promise<number> {
    const { browsing } = this.#control;
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
    const { browsing } = this.#control;
    const lines = true;
    let left = limit ?? SEQUENCE_MAX;
    let page = await letterPage(browsing, filter, { after, limit: Math.min(left, IDS_MAX), lines });
    if (!exchange.isOpen) return;
    const writing = new PacedWriter(exchange, NDJSON);
    while (exchange.isOpen) {
      left -= page.texts.length;
      const isOpen = await writing.write(Buffer.concat(page.texts));
      if (!isOpen || page.next === null || left <= 0) break;
      const range = { after: page.next, limit: Math.min(left, IDS_MAX), lines };
      page = await letterPage(browsing, filter, range);
    }
    exchange.endStream();
  }

  /** Either ids, or what `upTo` asks for: a topic, or a topic and a subscription. */
  #filterOf(principal: Principal, body: Body, upTo: 'topic' | 'subscription'): DeadLetterFilter {
    const ids = idsOf(body, 'ids', IDS_MAX);
    const topic = textOf(body, 'topic');
    const subscription = textOf(body, 'subscription');
    if (ids !== null) {
      if (topic === null && subscription === null) return this.#filter(principal, ANY, ids);
      throw new RequestError('invalid_field', 'not together with topic or subscription', 'ids');
    }
    if (topic === null) throw new RequestError('invalid_field', 'ids or topic is required', 'ids');
    if (upTo === 'subscription' && subscription === null) {
      throw new RequestError('invalid_field', 'is required beside topic', 'subscription');
    }
    return this.#filter(principal, { topic, subscription }, null);
  }

  #filter(
    principal: Principal,
    { topic, subscription }: Names,
    ids: number[] | null,
  ): DeadLetterFilter {
    const { limits } = this.#control;
    if (topic !== null) checkTopicName(topic, limits);
    if (subscription !== null && !isName(subscription, limits.topicNameBytesMax)) {
      throw new RequestError('invalid_field', 'is not a subscription name', 'subscription');
    }
    return { within: principal.within(topic), subscription, ids };
  }
}

/** Of a job that has a part at each worker. */
function wholeOf(parts: readonly RedriveJob[]): RedriveJob {
  const total = (of: 'done' | 'total' | 'failed'): number => sum(parts.map((part) => part[of]));
  const state = STATES.find((one) => parts.some((part) => part.state === one)) ?? 'done';
  return { state, done: total('done'), total: total('total'), failed: total('failed') };
}

function idOf(segment: string): number {
  if (/^\d{1,15}$/.test(segment)) return Number(segment);
  throw letterNotFound();
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw letterNotFound();
  return value;
}

function letterNotFound(): RequestError {
  return new RequestError('dead_letter_not_found', 'no such dead letter', 'id');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
