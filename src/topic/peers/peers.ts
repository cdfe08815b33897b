/**
 * The workers of other nodes, from here: what sessions here have with subscriptions that are coordinated
 * there, and what their sessions have with those of this node. Both travel on one link, which when it is
 * reset ends the one as the loss of a worker would, and the other as that of an acceptor.
 */
import type { MailAddress } from '../../backplane/mailbox.js';
import { keyOf, type PeerLinks } from '../../backplane/peer-links.js';
import type { Clock } from '../../core/clock.js';
import type { Peer } from '../../core/peer.js';
import type { TopicKey } from '../../core/topic-key.js';
import {
  OP_ACK,
  OP_CALL,
  OP_GIVEN,
  OP_PROBED,
  OP_SESSION_ENDED,
  OP_SUBSCRIBE,
  OP_VERDICT,
  OP_WANT,
} from '../../thread/ops/opcodes.js';
import { PackReader } from '../../thread/packing/pack-reader.js';
import { TopicPlacement } from '../../thread/placement.js';
import type { OutletHandler } from '../delivery/local-outlet.js';
import { PeerOutlet } from '../delivery/peer-outlet.js';
import type { Outlet } from '../state/outlet.js';
import { Abroad, type AbroadOptions } from './abroad.js';
import { RemoteAnswers } from './remote-answers.js';
import { RemoteCalls } from './remote-calls.js';
import { RemoteRequests } from './remote-requests.js';
import { packedBytes, RemoteWorker } from './remote-worker.js';

/** Numbers of outlets from here on are of workers of other nodes; as many come again. */
const OUTLETS_FROM = 2 ** 20;

/** What a worker of another node says as an acceptor would. */
const OF_SESSIONS: readonly number[] = [
  ...[OP_SUBSCRIBE, OP_SESSION_ENDED, OP_ACK, OP_VERDICT, OP_GIVEN, OP_PROBED, OP_WANT, OP_CALL],
];

export interface PeersOptions extends Pick<AbroadOptions, 'nameOf' | 'reopen' | 'onBug'> {
  links: PeerLinks;
  clock: Clock;
  /** What sessions of other nodes ask. */
  handler: OutletHandler;
  /** That worker is not heard any more, and its sessions with it. */
  onClosed: (outlet: Outlet) => void;
  /** It may be given messages again. */
  onCredit: (outlet: Outlet) => void;
}

export class Peers {
  readonly abroad: Abroad;
  readonly calls: RemoteCalls;
  readonly #options: PeersOptions;
  readonly #answers: RemoteAnswers;
  readonly #workers = new Map<string, RemoteWorker>();
  readonly #outlets = new Map<string, PeerOutlet>();
  /** Of what was packed in this life of each link. */
  readonly #names = new Map<string, string[]>();
  readonly #placements = new Map<number, TopicPlacement>();
  #outletsMade = 0;

  constructor(options: PeersOptions) {
    this.#options = options;
    const { clock, nameOf, reopen, onBug } = options;
    const requests = new RemoteRequests();
    const workerOf = (bootId: string, key: TopicKey): RemoteWorker | null =>
      this.#workerOf(bootId, key);
    this.abroad = new Abroad({ clock, requests, workerOf, nameOf, reopen, onBug });
    this.calls = new RemoteCalls({ requests, workerOf });
    this.#answers = new RemoteAnswers(this.abroad, requests);
  }

  /** How many links were reset. */
  get resets(): number {
    return this.#options.links.resets;
  }

  start(): void {
    this.#options.links.start({
      onUp: (to) => this.#up(to),
      onReset: (to) => this.#reset(to),
      onRead: (from, bytes) => this.#read(from, bytes),
      onCredit: (to) => {
        const outlet = this.#outlets.get(keyOf(to));
        if (outlet !== undefined) this.#options.onCredit(outlet);
      },
    });
  }

  stop(): void {
    this.#options.links.stop();
  }

  /** The nodes that live: what others coordinated is sought. */
  place(living: readonly Peer[]): void {
    const { links } = this.#options;
    links.place(living);
    for (const [key, worker] of [...this.#workers]) {
      if (links.peer(worker.address.bootId) !== undefined) continue;
      this.#workers.delete(key);
      this.abroad.workerGone(worker);
    }
  }

  #workerOf(bootId: string, key: TopicKey): RemoteWorker | null {
    const peer = this.#options.links.peer(bootId);
    if (peer === undefined || peer.workers < 1) return null;
    const worker = this.#placementOf(peer.workers).workerOf(key);
    return this.#worker({ bootId, worker });
  }

  #placementOf(workers: number): TopicPlacement {
    const known = this.#placements.get(workers);
    if (known !== undefined) return known;
    const made = new TopicPlacement(workers);
    this.#placements.set(workers, made);
    return made;
  }

  #worker(address: MailAddress): RemoteWorker | null {
    const key = keyOf(address);
    const known = this.#workers.get(key);
    if (known !== undefined) return known;
    const link = this.#options.links.to(address);
    if (link === null) return null;
    const worker = new RemoteWorker(address, link);
    this.#workers.set(key, worker);
    return worker;
  }

  #up(to: MailAddress): void {
    this.#close(to);
    const worker = this.#worker(to);
    if (worker === null) return;
    worker.up();
    this.abroad.linkUp(worker);
  }

  #reset(to: MailAddress): void {
    this.#close(to);
    const worker = this.#workers.get(keyOf(to));
    if (worker !== undefined) this.abroad.linkReset(worker);
  }

  /** Its sessions are none of this life of the link. */
  #close(to: MailAddress): void {
    this.#names.delete(keyOf(to));
    const outlet = this.#outlets.get(keyOf(to));
    if (outlet === undefined) return;
    this.#outlets.delete(keyOf(to));
    this.#options.onClosed(outlet);
    outlet.close();
  }

  #read(from: MailAddress, bytes: ArrayBuffer): void {
    const worker = this.#worker(from);
    if (worker === null) return;
    const { handler } = this.#options;
    let asked: PeerOutlet | null = null;
    try {
      const reader = readerOf(bytes, this.#namesOf(from));
      while (!reader.done) {
        const op = reader.u8();
        if (OF_SESSIONS.includes(op)) {
          asked = this.#outletOf(from);
          handler.handle(asked, op, reader);
        } else if (!this.#answers.handle(worker, op, reader)) {
          throw new RangeError(`operation ${op} is none that travels between nodes`);
        }
      }
    } catch (error) {
      // A node of another version says it otherwise.
      if (!(error instanceof RangeError)) throw error;
      worker.unread();
    }
    if (asked !== null) handler.endTurn(asked);
  }

  #namesOf(from: MailAddress): string[] {
    const known = this.#names.get(keyOf(from)) ?? [];
    this.#names.set(keyOf(from), known);
    return known;
  }

  #outletOf(from: MailAddress): PeerOutlet {
    const key = keyOf(from);
    const known = this.#outlets.get(key);
    if (known !== undefined) return known;
    const link = this.#options.links.to(from);
    const outlet = new PeerOutlet({
      number: OUTLETS_FROM + (this.#outletsMade++ % OUTLETS_FROM),
      hasCredit: () => link?.hasCredit === true,
      write: (packed) => {
        if (link?.isUp === true) link.write(packedBytes(packed));
      },
    });
    this.#outlets.set(key, outlet);
    return outlet;
  }
}

/** Throws RangeError for what is no packed buffer, whole and nothing beside it. */
function readerOf(bytes: ArrayBuffer, names: string[]): PackReader {
  const reader = new PackReader(bytes, names);
  if (reader.bytes !== bytes.byteLength) throw new RangeError('it says another length than it has');
  return reader;
}
