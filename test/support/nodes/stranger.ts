/**
 * Somebody who has the secret of a cluster and a row among its nodes, and says to their workers what he
 * likes: the real links and envelopes, without a node behind them.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { eventually } from '../../../native-bench/rig/eventually.js';
import type { MailAddress } from '../../../src/backplane/mailbox.js';
import { PEER_PART_BYTES_MAX, PeerEnvelopes } from '../../../src/backplane/peer-envelopes.js';
import { PeerLinks } from '../../../src/backplane/peer-links.js';
import type { PeerLink } from '../../../src/core/peer-link.js';
import { holdLease, listNodes, removeNode } from '../../../src/log/postgres/store/node-rows.js';
import { LEASE_MS } from '../../../src/thread/lease.js';
import { PackReader } from '../../../src/thread/packing/pack-reader.js';
import { type NodePair, SECRET } from './node-pair.js';

const CLUSTER = 'conduit';
const RENEW_MS = 300;

export class Stranger {
  readonly own: MailAddress = { bootId: randomUUID(), worker: 0 };
  readonly links: PeerLinks;
  /** What a worker has written on its link at once, operation by operation. */
  onRead: (reader: PackReader) => void = () => undefined;
  /** The last that was sent of what links send by themselves. */
  lastSent: Buffer = Buffer.alloc(0);
  readonly #pair: NodePair;
  readonly #client: pg.Client;
  readonly #ear;
  #isOver = false;
  #renewals: Promise<void> = Promise.resolve();

  private constructor(pair: NodePair) {
    this.#pair = pair;
    this.#client = new pg.Client({ connectionString: pair.postgres.url });
    this.#ear = pair.redis.client.duplicate();
    this.links = new PeerLinks({
      envelopes: this.envelopes(),
      bootId: this.own.bootId,
      send: (to, bytes) => {
        this.lastSent = bytes;
        this.post(to, bytes);
      },
      ...{ creditBytes: 1 << 20, partBytesMax: PEER_PART_BYTES_MAX, wholeBytesMax: 1 << 28 },
      now: () => Date.now() * 1_000,
      onDropped: () => undefined,
    });
  }

  static async start(t: { teardown(end: () => unknown): void }, pair: NodePair): Promise<Stranger> {
    const stranger = new Stranger(pair);
    t.teardown(() => stranger.end());
    await stranger.#start();
    return stranger;
  }

  async #start(): Promise<void> {
    await this.#client.connect();
    this.#renewals = this.#renew();
    await this.#ear.subscribe(channelOf(this.own));
    this.#ear.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => this.links.came(bytes));
    const nodes = await listNodes(this.#client, LEASE_MS);
    this.links.place(
      nodes.map(({ record: { id, bootId, addr, forwardUrl, topics } }) => ({
        ...{ id, bootId, addr, forwardUrl, workers: topics.length },
      })),
    );
    let names: string[] = [];
    this.links.start({
      onUp: () => {
        names = [];
      },
      onReset: () => undefined,
      onCredit: () => undefined,
      onRead: (_from, bytes) => this.onRead(new PackReader(bytes, names)),
    });
  }

  /** As its row has it. */
  get identity() {
    const { bootId } = this.own;
    return { id: 'stranger', bootId, addr: 'nowhere:1', forwardUrl: null, version: '9.9.9' };
  }

  /** Another sender, or another secret. */
  envelopes(more: { cluster?: string; secret?: string; own?: MailAddress } = {}): PeerEnvelopes {
    return new PeerEnvelopes({ cluster: CLUSTER, secret: SECRET, own: this.own, ...more });
  }

  /** The only worker of node a. */
  async worker(): Promise<MailAddress> {
    const nodes = await listNodes(this.#client, LEASE_MS);
    const bootId = nodes.find(({ record }) => record.id === 'a')?.record.bootId;
    if (bootId === undefined) throw new Error('node a is not there');
    return { bootId, worker: 0 };
  }

  /** Up. */
  async link(to: MailAddress): Promise<PeerLink> {
    const link = this.links.to(to);
    if (link === null) throw new Error('its node does not live');
    link.want();
    await eventually(() => link.isUp);
    return link;
  }

  /** It coordinates the subscriptions of that topic from now on, by the database. */
  async owns(topic: string): Promise<void> {
    const { id, bootId } = this.identity;
    const { rowCount } = await this.#client.query(
      `UPDATE conduit.subscriptions SET owner_node = $1, owner_boot = $2::uuid, term = term + 1
       WHERE topic_id = (SELECT id FROM conduit.topics WHERE name = $3 AND deleted_at IS NULL)`,
      [id, bootId, topic],
    );
    if (rowCount === 0) throw new Error(`${topic} has no subscription`);
  }

  /** On its way as mail, whatever it is. */
  post(to: MailAddress, bytes: Buffer): void {
    this.#pair.redis.client.publish(channelOf(to), bytes).catch(() => undefined);
  }

  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.links.stop();
    this.#ear.disconnect();
    await this.#renewals;
    await removeNode(this.#client, this.identity);
    await this.#client.end();
  }

  async #renew(): Promise<void> {
    while (!this.#isOver) {
      const figures = { sessions: 0, topics: [0], backplane: 'none' };
      await holdLease(this.#client, { ...this.identity, ...figures }, LEASE_MS);
      await delay(RENEW_MS);
    }
  }
}

export function channelOf({ bootId, worker }: MailAddress): string {
  return `${CLUSTER}:mail:${bootId}:${worker}`;
}
