// Goal: whatever becomes of webhooks and nodes, each acceptor has been told what comes to its share by the
// rings, each webhook is one acceptor's of one node, and what stays as it was is not told again.
import fc from 'fast-check';
import t from 'tap';
import { asTenant } from '../../../src/core/topic-key.js';
import { type WebhookRecord, webhookKey } from '../../../src/core/webhook-record.js';
import { WebhookShares } from '../../../src/supervisor/webhook-shares.js';

const ACCEPTORS = 2;
const NODES = ['a', 'b', 'c'];

function webhook(n: number, version: number, disabled = false): WebhookRecord {
  return {
    ...{ tenant: asTenant('default'), topic: `t.${n}`, name: 'hook', version: String(version) },
    ...{ url: 'https://example.com/', concurrency: 1, timeoutMs: 1, ackWaitMs: 2, secrets: [] },
    ...{ maxDeliver: null, ordering: 'none', format: 'payload', start: { from: 'latest' } },
    disabled: disabled ? { reason: 'gone', atMs: 1 } : null,
    ...{ createdAtMs: 1, updatedAtMs: 1 },
  };
}

/** A node's shares, and what its acceptors made of what they were told. */
class Node {
  readonly has = Array.from({ length: ACCEPTORS }, () => new Map<string, string>());
  told = 0;
  readonly shares: WebhookShares;

  constructor(id: string) {
    this.shares = new WebhookShares({
      ...{ node: id, acceptors: ACCEPTORS, among: 'nodes' },
      tell: (acceptor, { put, gone }) => {
        this.told += put.length + gone.length;
        for (const key of gone) if (this.has[acceptor]?.delete(key) !== true) throw new Error(key);
        for (const one of put) this.has[acceptor]?.set(webhookKey(one), one.version);
      },
    });
  }

  begins(acceptor: number): void {
    const share = this.shares.of(acceptor).map((one) => [webhookKey(one), one.version] as const);
    this.has[acceptor] = new Map(share);
  }
}

const living = (ids: readonly string[]) => ids.map((id) => ({ id }));

t.test('all that is told comes to the share, of one acceptor each', async () => {
  const changes = fc.array(
    fc.record({
      nodes: fc.subarray(NODES, { minLength: 1 }),
      hooks: fc.uniqueArray(fc.tuple(fc.nat(20), fc.nat(2), fc.boolean()), {
        selector: ([n]) => n,
      }),
      begins: fc.option(fc.nat(ACCEPTORS - 1)),
    }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(changes, (steps) => {
      const nodes = new Map(NODES.map((id) => [id, new Node(id)]));
      for (const { nodes: ids, hooks, begins } of steps) {
        const all = hooks.map(([n, version, disabled]) => webhook(n, version, disabled));
        for (const node of nodes.values()) {
          node.shares.place(living(ids));
          node.shares.changed(all);
          if (begins !== null) node.begins(begins);
        }
        const sent = [...nodes].flatMap(([id, { has }]) =>
          has.flatMap((share) => [...share].map((one) => [...one, id])),
        );
        const wanted = all.filter(({ disabled }) => disabled === null);
        const keys = sent.map(([key]) => key).sort();
        if (JSON.stringify(keys) !== JSON.stringify(wanted.map(webhookKey).sort())) return false;
        const isRight = ([key, version, id = '']: string[]): boolean =>
          ids.includes(id) &&
          wanted.some((one) => webhookKey(one) === key && one.version === version);
        if (!sent.every(isRight)) return false;
      }
      return true;
    }),
  );
});

t.test('what stays as it was is not told again', async (t) => {
  const node = new Node('a');
  node.shares.place(living(['a']));
  const all = Array.from({ length: 1_000 }, (_, n) => webhook(n, 1));
  node.shares.changed(all);
  t.equal(node.told, 1_000);
  node.shares.changed([...all]);
  node.shares.place(living(['a']));
  t.equal(node.told, 1_000, 'nothing changed');
  node.shares.changed([...all.slice(1), webhook(0, 2)]);
  t.equal(node.told, 1_001, 'the one that did');
  node.shares.place(living(['a', 'b']));
  const left = node.has.reduce((sum, { size }) => sum + size, 0);
  t.ok(left > 200 && left < 800, `${left} of 1,000 are left to one of two`);
  t.equal(node.told, 1_001 + 1_000 - left, "those that are the other node's");
});
