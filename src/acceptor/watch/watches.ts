/**
 * GET /api/stream: who looks at this node through this acceptor. Once a second each audience is found out
 * about once, and all of its streams are written the same text; what happens is told as it comes. While
 * nobody looks it does nothing but keep the last of what happened.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { ClientName } from '../../core/client-name.js';
import type { Clock } from '../../core/clock.js';
import { FigureHistory } from '../../core/figure-history.js';
import { HAPPENINGS, type Happening } from '../../core/happening.js';
import type { Principal } from '../../core/principal.js';
import type { Tenant } from '../../core/topic-key.js';
import {
  failedEvent,
  happenedEvent,
  helloEvent,
  historyEvent,
} from '../../wire/views/watch-view.js';
import type { Exchange } from '../http/exchange.js';
import type { Guard } from '../http/guard.js';
import type { Control } from '../routes/control.js';
import { SubscriptionRoutes } from '../routes/subscription-routes.js';
import type { Stream } from '../session/stream.js';
import type { Streams } from '../session/streams.js';
import { Audience, type AudienceParts } from './audience.js';
import { Condition, type ConditionParts } from './condition.js';

const LOOK_MS = 1_000;
/** What a page that has just come is told of: of each tenant, and of what is of none. */
const KEPT_MAX = 50;
const TENANTS_KEPT_MAX = 64;
/** Audiences whose history is kept for when somebody comes back; each is 170 KiB. */
const AUDIENCES_MAX = 32;

export interface WatchesOptions {
  control: Control;
  system: AudienceParts['system'] & ConditionParts['system'];
  streams: Pick<Streams, 'openPlain'>;
  clock: Clock;
  guard: Pick<Guard, 'caught'>;
  /** Of a FigureHistory, of the whole node. */
  history: SharedArrayBuffer;
  hello: Parameters<typeof helloEvent>[0];
}

export class Watches {
  readonly #options: WatchesOptions;
  readonly #ofNode: FigureHistory;
  /** Who was seen last is last. */
  readonly #audiences = new Map<string, Audience>();
  /** By tenant, the oldest first; who had something last is last. */
  readonly #kept = new Map<Tenant | null, Happening[]>();
  #timer: NodeJS.Timeout | null = null;
  #looking = false;

  constructor(options: WatchesOptions) {
    this.#options = options;
    this.#ofNode = new FigureHistory('node', options.history);
  }

  /** The route. */
  open(exchange: Exchange, req: HttpRequest, client: ClientName | null): void {
    const { principal } = exchange;
    // What is told is of all of its tenant.
    principal.whole();
    const audience = this.#audienceOf(principal);
    const onEnd = (stream: Stream): void => this.#ended(audience, stream);
    const stream = this.#options.streams.openPlain(exchange, req, { client, onEnd });
    if (stream === null) return;
    audience.streams.add(stream);
    const { hello } = this.#options;
    stream.say(helloEvent(hello) + historyEvent(audience.history));
    stream.say(textFor(principal, this.#last()) + audience.condition.text);
    this.#timer ??= setInterval(() => void this.#look(), LOOK_MS);
    void this.#tell(audience, [stream]);
    void this.#tellCondition(audience);
  }

  /** On this node. */
  happened(all: readonly Happening[]): void {
    for (const one of all) this.#keep(one);
    for (const { streams } of this.#audiences.values()) {
      for (const stream of streams) {
        this.#say(stream, textFor(stream.principal, all));
      }
    }
  }

  #keep(one: Happening): void {
    const kept = this.#kept.get(one.tenant) ?? [];
    kept.push(one);
    if (kept.length > KEPT_MAX) kept.shift();
    this.#kept.delete(one.tenant);
    this.#kept.set(one.tenant, kept);
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size > TENANTS_KEPT_MAX) this.#kept.delete(oldest);
  }

  #last(): Happening[] {
    return [...this.#kept.values()].flat().sort((a, b) => a.atMs - b.atMs);
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #audienceOf(principal: Principal): Audience {
    const isOperator = principal.may('operate');
    // Whoever looks has one of both scopes.
    const isReader = principal.may('subscribe');
    const kind = isOperator ? (isReader ? 'operator' : 'operator alone') : 'tenant';
    const name = `${kind} ${principal.tenant}`;
    const audience = this.#audiences.get(name) ?? this.#newAudience(isOperator);
    this.#audiences.delete(name);
    this.#audiences.set(name, audience);
    for (const [other, { streams }] of this.#audiences) {
      if (this.#audiences.size <= AUDIENCES_MAX) break;
      if (streams.size === 0 && other !== name) this.#audiences.delete(other);
    }
    return audience;
  }

  #newAudience(isOperator: boolean): Audience {
    const { control, system, clock, hello } = this.#options;
    const subscriptions = new SubscriptionRoutes(control);
    const condition = new Condition({ system, subscriptions, clock, nodeId: hello.node });
    const history = isOperator ? this.#ofNode : null;
    return new Audience({ system, clock, history }, condition);
  }

  #ended({ streams, condition }: Audience, stream: Stream): void {
    streams.delete(stream);
    if (streams.size === 0) condition.forget();
    for (const audience of this.#audiences.values()) if (audience.streams.size > 0) return;
    this.close();
  }

  /** One round at a time, however long the node takes. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const looked = [...this.#audiences.values()].filter(({ streams }) => streams.size > 0);
    // Figures do not wait for a database that is slow.
    for (const audience of looked) void this.#tellCondition(audience);
    try {
      await Promise.all(looked.map((audience) => this.#tell(audience, audience.streams)));
    } finally {
      this.#looking = false;
    }
  }

  /** Those of the audience. */
  async #tell(audience: Audience, streams: Iterable<Stream>): Promise<void> {
    const [first] = streams;
    if (first === undefined) return;
    const text = await this.#figures(audience, first.principal);
    try {
      for (const stream of streams) this.#say(stream, text);
    } catch (error) {
      this.#options.guard.caught('stream of figures', error);
    }
  }

  async #tellCondition({ streams, condition }: Audience): Promise<void> {
    const [first] = streams;
    if (first === undefined) return;
    try {
      const text = await condition.due(first.principal);
      if (text !== '') for (const stream of streams) this.#say(stream, text);
    } catch (error) {
      this.#options.guard.caught('stream of figures', error);
    }
  }

  async #figures(audience: Audience, principal: Principal): Promise<string> {
    try {
      return await audience.figures(principal);
    } catch (error) {
      this.#options.guard.caught('stream of figures', error);
      return failedEvent({ code: 'internal', detail: 'a fault of the server; it was logged' });
    }
  }

  /** Figures are not kept for one that takes nothing: the next ones say as much. */
  #say(stream: Stream, text: string): void {
    if (stream.hasRoom) stream.say(text);
  }
}

function textFor(principal: Principal, all: readonly Happening[]): string {
  return all.flatMap((one) => (maySee(principal, one) ? happenedEvent(one) : [])).join('');
}

/** By the same scopes as the lists of such things. */
function maySee(principal: Principal, { kind, tenant }: Happening): boolean {
  if (!principal.may(HAPPENINGS[kind])) return false;
  if (tenant === null || tenant === principal.tenant) return true;
  // Who is connected the operator sees of all tenants, as in GET /api/sessions.
  return kind.startsWith('session.') && principal.may('operate');
}
