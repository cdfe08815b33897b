/**
 * Dedupe keys inside an append. Under the topic's row lock nobody else can claim a key, so looking and
 * claiming are two plain statements.
 */
import type pg from 'pg';
import { formatUuid } from '../../../core/uuid.js';
import { fingerprint } from '../../contract/fingerprint.js';
import type { FirstResult, PendingAppend, TopicCommit } from '../../contract/message-log.js';
import { isSameMessage } from '../../contract/same-message.js';
import {
  areRepeats,
  findFirsts,
  type KeptFirst,
  type Keyed,
  keyName,
} from '../store/first-results.js';
import type { TopicAppends } from './append-groups.js';

interface Repeat<A> {
  append: A;
  /** The append of the same batch whose result it gets. */
  of: A;
}

/** What dedupe keys did to a batch. */
export class DedupeResult<A extends PendingAppend> {
  /** Had been published before: answered with the first result. */
  readonly known: { append: A; first: FirstResult }[] = [];
  /** The key was used for another message. */
  readonly mismatched: A[] = [];
  /** Repeats inside the batch: answered once the first of them is. */
  readonly repeats: Repeat<A>[] = [];
  readonly #fingerprints = new Map<A, Buffer>();

  fingerprintOf(append: A): Buffer {
    const known = this.#fingerprints.get(append);
    if (known !== undefined) return known;
    const made = fingerprint(append.publication);
    this.#fingerprints.set(append, made);
    return made;
  }

  /** Remembers the keys of what is about to be stored. */
  async store(
    client: pg.Client,
    commits: readonly TopicCommit<A>[],
    windowMs: number,
  ): Promise<void> {
    const columns: [number[], string[], Buffer[], number[], string[], number[]] = [
      [],
      [],
      [],
      [],
      [],
      [],
    ];
    for (const { topicId, firstSequence, publishedAtMs, appends } of commits) {
      appends.forEach((append, i) => {
        const { dedupeKey } = append.publication;
        if (dedupeKey === null) return;
        columns[0].push(topicId);
        columns[1].push(dedupeKey);
        columns[2].push(this.fingerprintOf(append));
        columns[3].push(firstSequence + i);
        columns[4].push(formatUuid(append.messageId));
        columns[5].push(publishedAtMs);
      });
    }
    if (columns[0].length === 0) return;
    await client.query(STORE_SQL, [...columns, windowMs]);
  }
}

const STORE_SQL = `INSERT INTO conduit.publish_dedupe
    (topic_id, dedupe_key, fingerprint, sequence, message_id, published_at, expires_at)
  SELECT t, k, f, s, m, to_timestamp(p / 1000.0), clock_timestamp() + $7::float8 * interval '1 ms'
  FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bigint[], $5::uuid[], $6::float8[])
    AS n (t, k, f, s, m, p)
  ON CONFLICT (topic_id, dedupe_key) DO UPDATE SET fingerprint = excluded.fingerprint,
    sequence = excluded.sequence, message_id = excluded.message_id,
    published_at = excluded.published_at, expires_at = excluded.expires_at, deferred_id = NULL,
    deliver_at = NULL`;

/** Takes out what repeats a key within the batch. Costs a look at each append, no more, without keys. */
export function foldRepeats<A extends PendingAppend>(
  groups: TopicAppends<A>,
): { unique: TopicAppends<A>; result: DedupeResult<A> } {
  const result = new DedupeResult<A>();
  let unique = groups;
  for (const [topicId, appends] of groups) {
    if (!appends.some(({ publication }) => publication.dedupeKey !== null)) continue;
    if (unique === groups) unique = new Map(groups);
    const firsts = new Map<string, A>();
    unique.set(
      topicId,
      appends.filter((append) => isFirst(append, firsts, result)),
    );
  }
  return { unique, result };
}

function isFirst<A extends PendingAppend>(
  append: A,
  firsts: Map<string, A>,
  result: DedupeResult<A>,
): boolean {
  const { dedupeKey } = append.publication;
  if (dedupeKey === null) return true;
  const first = firsts.get(dedupeKey);
  if (first === undefined) {
    firsts.set(dedupeKey, append);
    return true;
  }
  const isSame =
    result.fingerprintOf(append).equals(result.fingerprintOf(first)) ||
    isSameMessage(append.publication, first.publication);
  if (isSame) result.repeats.push({ append, of: first });
  else result.mismatched.push(append);
  return false;
}

/** Takes out whose key is remembered; their topics' rows must be locked. */
export async function claimKeys<A extends PendingAppend>(
  client: pg.Client,
  groups: TopicAppends<A>,
  result: DedupeResult<A>,
): Promise<TopicAppends<A>> {
  const ids: number[] = [];
  const keys: string[] = [];
  for (const [topicId, appends] of groups) {
    for (const { publication } of appends) {
      if (publication.dedupeKey === null) continue;
      ids.push(topicId);
      keys.push(publication.dedupeKey);
    }
  }
  if (ids.length === 0) return groups;
  const firsts = await findFirsts(client, ids, keys);
  if (firsts.size === 0) return groups;
  const verdicts = await judge(client, groups, firsts);
  const unclaimed: TopicAppends<A> = new Map();
  for (const [topicId, appends] of groups) {
    const left = appends.filter((append) => {
      const verdict = verdicts.get(append);
      if (verdict === undefined) return true;
      const { isRepeat, first } = verdict;
      // What waited was cancelled meanwhile: its key is free.
      if (isRepeat === null && first.sequence === 0) return true;
      if (isRepeat === true) result.known.push({ append, first });
      else result.mismatched.push(append);
      return false;
    });
    unclaimed.set(topicId, left);
  }
  return unclaimed;
}

interface Verdict {
  isRepeat: boolean | null;
  first: FirstResult;
}

/** Of those whose key has a first result; together, since others wait for their topics meanwhile. */
async function judge<A extends PendingAppend>(
  client: pg.Client,
  groups: TopicAppends<A>,
  firsts: ReadonlyMap<string, KeptFirst>,
): Promise<Map<A, Verdict>> {
  const keyed: (Keyed & { append: A })[] = [];
  for (const [topicId, appends] of groups) {
    for (const append of appends) {
      const { publication } = append;
      if (publication.dedupeKey === null) continue;
      const kept = firsts.get(keyName(topicId, publication.dedupeKey));
      if (kept !== undefined) keyed.push({ append, publication, kept });
    }
  }
  const repeats = await areRepeats(client, keyed);
  return new Map(
    keyed.map(({ append, kept }, i) => [
      append,
      { isRepeat: repeats[i] ?? null, first: kept.first },
    ]),
  );
}
