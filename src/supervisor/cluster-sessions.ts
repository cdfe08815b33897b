/**
 * The sessions of all nodes that live, asked for by an acceptor of this one: of one node after another, in
 * the order of their lives, until a page is full. Owned by the main thread, keeps no state. A node that does
 * not answer in time is named, and holds up nobody for longer.
 */
import type { NodeQuestions } from '../backplane/node-questions.js';
import { Unanswered } from '../backplane/node-questions.js';
import { RequestError } from '../core/errors.js';
import type { Peer } from '../core/peer.js';
import { bootTextOf, type NodeSession } from '../core/session-record.js';
import type {
  ClusterCloseAsk,
  ClusterListAsk,
  ClusterSessionsTold,
  SessionAsk,
  SessionsTold,
  SilentNode,
} from '../thread/session-calls.js';

/** One node. */
const ANSWER_MS = 1_500;
/** All of them: whoever is asked later is named instead. */
const PAGE_MS = 3_500;

/** What other nodes are asked. */
export interface SessionQuestion {
  about: 'sessions';
  ask: SessionAsk;
}

interface NodeOfCluster {
  id: string;
  bootId: string;
  /** Null: it is this one. */
  peer: Peer | null;
}

export interface ClusterSessionsOptions {
  nodeId: string;
  bootId: string;
  /** Of this node. Rejects RequestError. */
  ownSessions: (ask: SessionAsk) => Promise<SessionsTold>;
  /** The nodes that live. */
  living: () => readonly Peer[];
  /** Null: there is no way to ask others. */
  questions: Pick<NodeQuestions, 'ask'> | null;
}

const NOTHING = { sessions: [], more: false, closed: false, silent: [] } as const;

export class ClusterSessions {
  readonly #options: ClusterSessionsOptions;

  constructor(options: ClusterSessionsOptions) {
    this.#options = options;
  }

  /** Rejects RequestError where an acceptor of this node does not answer. */
  async list({ after, limit, ...of }: ClusterListAsk): Promise<ClusterSessionsTold> {
    const endMs = performance.now() + PAGE_MS;
    const sessions: NodeSession[] = [];
    const silent: SilentNode[] = [];
    for (const node of this.#nodes()) {
      const boot = bootTextOf(node.bootId);
      if (after !== null && boot < after.boot) continue;
      const from = after?.boot === boot ? after.place : null;
      const ask = { ...of, after: from, limit: limit - sessions.length };
      const told = await this.#ask(node, ask, endMs - performance.now());
      if ('detail' in told) {
        silent.push(told);
        continue;
      }
      const { id, bootId } = node;
      for (const record of told.records) sessions.push({ node: id, bootId, record });
      if (told.more || sessions.length >= limit) {
        return { ...NOTHING, sessions, silent, more: told.more || !this.#isLast(node) };
      }
    }
    return { ...NOTHING, sessions, silent };
  }

  /** Rejects `busy` where its node does not answer. */
  async close({ at, ...of }: ClusterCloseAsk): Promise<ClusterSessionsTold> {
    const node = this.#nodes().find(({ bootId }) => bootTextOf(bootId) === at.boot);
    if (node === undefined) return NOTHING;
    const told = await this.#ask(node, { ...of, place: at.place }, ANSWER_MS);
    if (!('detail' in told)) return { ...NOTHING, closed: told.closed };
    const detail = `the node ${told.node} was asked: ${told.detail}; it may be closed or not`;
    throw new RequestError('busy', detail, 'id');
  }

  #isLast({ bootId }: NodeOfCluster): boolean {
    return this.#nodes().at(-1)?.bootId === bootId;
  }

  #nodes(): NodeOfCluster[] {
    const { nodeId: id, bootId, living } = this.#options;
    const others = living().filter((peer) => peer.bootId !== bootId);
    const nodes = others.map((peer): NodeOfCluster => ({ ...peer, peer }));
    nodes.push({ id, bootId, peer: null });
    return nodes.sort((a, b) => (bootTextOf(a.bootId) < bootTextOf(b.bootId) ? -1 : 1));
  }

  async #ask(
    { id: node, peer }: NodeOfCluster,
    ask: SessionAsk,
    leftMs: number,
  ): Promise<SessionsTold | SilentNode> {
    const { ownSessions, questions } = this.#options;
    if (peer === null) return ownSessions(ask);
    if (questions === null)
      return { node, detail: 'nodes ask each other where INTERNAL_SECRET is set' };
    if (leftMs <= 0) return { node, detail: `others took ${PAGE_MS} ms to answer` };
    const question: SessionQuestion = { about: 'sessions', ask };
    try {
      const answer = await questions.ask(peer, question, Math.min(ANSWER_MS, leftMs));
      if (isTold(answer)) return answer;
      return { node, detail: 'its answer cannot be read: it may be of another version' };
    } catch (error) {
      if (error instanceof Unanswered) return { node, detail: error.message };
      throw error;
    }
  }
}

function isTold(answer: unknown): answer is SessionsTold {
  if (typeof answer !== 'object' || answer === null) return false;
  const { records, more, closed } = answer as Partial<SessionsTold>;
  return Array.isArray(records) && typeof more === 'boolean' && typeof closed === 'boolean';
}

/** Whether JSON that another node sent asks about sessions. */
export function isSessionAsk(value: unknown): value is SessionAsk {
  if (typeof value !== 'object' || value === null) return false;
  const { what, tenant, topic, after, limit, place } = value as Record<string, unknown>;
  if (tenant !== null && typeof tenant !== 'string') return false;
  if (what === 'close') return isPlace(place);
  const isOf = topic === null || typeof topic === 'string';
  const isPage = Number.isSafeInteger(limit) && Number(limit) > 0 && Number(limit) <= LIMIT_MAX;
  return what === 'list' && isOf && isPage && (after === null || isPlace(after));
}

/** No page of ours has more. */
const LIMIT_MAX = 10_000;

function isPlace(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { acceptor, generation, number } = value as Record<string, unknown>;
  return [acceptor, generation, number].every(
    (one) => Number.isSafeInteger(one) && Number(one) >= 0,
  );
}
