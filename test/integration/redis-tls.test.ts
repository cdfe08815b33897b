// Goal: rediss:// is TLS with a certificate that is checked: of an authority that Node.js trusts, here by
// NODE_EXTRA_CA_CERTS, envelopes flow; any other is refused, told by its cause, and publishes go on.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { backplaneOf, isUp, publish, startReachable } from '../support/nodes/node-pair.js';
import { writeCertificate } from '../support/servers/certificate-files.js';
import { startRedis } from '../support/servers/redis-server.js';
import { startTlsEnd } from '../support/servers/tls-end.js';

const folder = mkdtempSync(path.join(tmpdir(), 'conduit-redis-tls-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const redis = await startRedis();
t.teardown(() => redis.stop());
const trusted = writeCertificate(folder, 'trusted');
const other = writeCertificate(folder, 'other');
const end = await startTlsEnd(redis.port, trusted);
t.teardown(() => end.stop());
const url = `rediss://localhost:${end.port}`;
const env = { DATABASE_URL: postgres.url, REDIS_URL: url };

t.test('envelopes come by TLS, from a Redis whose certificate is trusted', async (t) => {
  const secure = { ...env, NODE_EXTRA_CA_CERTS: trusted.certFile };
  const a = await startReachable({ ...secure, NODE_ID: 'a' });
  t.teardown(() => a.kill9());
  const b = await startReachable({ ...secure, NODE_ID: 'b' });
  t.teardown(() => b.kill9());
  for (const node of [a, b]) await isUp(node);
  const onB = await Subscriber.open(b.wsUrl, 'json');
  await onB.subscribe('secure', { ack: 'none' });
  await eventually(async () => {
    const next = onB.messages.length + 1;
    await publish(a, { topic: 'secure', payload: 1 });
    await eventually(() => onB.messages.length >= next);
    return (await backplaneOf(b)).received > 2;
  });
  t.ok(end.connections >= 4, 'by the end that speaks TLS');
  t.same(onB.disorder, []);
  onB.close();
});

t.test('one whose certificate is of somebody else is not spoken to', async (t) => {
  const node = await startReachable({
    ...{ ...env, NODE_EXTRA_CA_CERTS: other.certFile, NODE_ID: 'c' },
  });
  t.teardown(() => node.kill9());
  await eventually(async () => (await backplaneOf(node)).errors >= 2);
  t.equal((await backplaneOf(node)).state, 'connecting');
  await publish(node, { topic: 'secure', payload: 1 });
  t.match(node.output(), /Redis cannot be reached/);
  t.match(node.output(), /self-signed certificate|DEPTH_ZERO_SELF_SIGNED_CERT/);
});
