// Goal: the scripts of ops/k6 are right by the types of k6, and do what they say against real nodes:
// publishes at a rate, sockets that get everything, and a node that is killed meanwhile. Without k6.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { runScript } from '../support/k6-runner/run-script.js';
import { startBalancer } from '../support/servers/balancer.js';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../../', import.meta.url));
/** What says how fast the machine is; the rest is judged here. */
const OF_TIME = /^http_req_duration/;

const server = await startPostgres();
t.teardown(() => server.stop());

const start = (id: string, port?: number) =>
  startNode({
    ...{ DATABASE_URL: server.url, WORKERS: '1', NODE_ID: id },
    ...(port === undefined ? {} : { PORT: String(port) }),
  });

t.test('they fit the types of k6', async () => {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'ops/k6'], {
    cwd: PACKAGE_FOLDER,
  });
});

t.test('sustained.js publishes at its rate', async (t) => {
  const node = await start('sustained');
  t.teardown(() => node.kill9());
  const { metrics, errors, notMet, summary } = await runScript('sustained.js', {
    ...{ BASE_URL: node.url, RATE: '100', DURATION: '3s', PRE_VUS: '4', MAX_VUS: '8' },
    ...{ TOPIC: 'sustained', SUMMARY: 'sustained.json' },
  });
  t.same(errors, []);
  t.same(
    notMet.filter((rule) => !OF_TIME.test(rule)),
    [],
  );
  const dropped = metrics['dropped_iterations']?.values['count'] ?? 0;
  const published = metrics['iterations']?.values['count'] ?? 0;
  t.equal(published + dropped, 300, 'the rate, for as long as it lasts');
  t.ok(published > 0);
  t.match(metrics['checks'], { values: { rate: 1, passes: 2 * published } });
  const { body } = await request(`${node.url}/api/topics/sustained`, {});
  t.equal(body['sequence'], published, 'each is stored');
  t.match(
    summary['stdout'],
    /http_req_duration\{kind:publish\}: .*p\(95\) [\d.]+.*: p\(95\)<100\]/,
  );
  t.match(JSON.parse(summary['sustained.json'] ?? ''), { metrics: { http_reqs: {} } });

  // A node that is not there is told, by k6's exit code, too.
  await node.stop();
  await t.rejects(runScript('sustained.js', { BASE_URL: node.url }), /POST http:\S+ 0/);
  await t.rejects(runScript('sustained.js', { RATE: 'many' }), /RATE=many: a number above 0/);
});

t.test(
  'fanout.js: every subscriber gets every message, and one that does not is told',
  async (t) => {
    const node = await start('fanout');
    t.teardown(() => node.kill9());
    const settings = {
      ...{ BASE_URL: node.url, SUBSCRIBERS: '101', VUS: '4', RATE: '20', TOPIC: 'fanout' },
      ...{ CONNECT_S: '2', PUBLISH_S: '2', DRAIN_S: '3', PRE_VUS: '2' },
    };
    const { metrics, errors, notMet } = await runScript('fanout.js', settings);
    t.same(errors, []);
    t.same(notMet, []);
    t.match(metrics['fanout_complete'], { values: { rate: 1, passes: 101 } });
    t.equal(metrics['ws_sessions']?.values['count'], 101);
    const published = metrics['checks']?.values['passes'] ?? 0;
    t.ok(published > 0);
    t.equal(metrics['fanout_received']?.values['count'], 101 * published);

    // Sessions that are closed before the last message miss some.
    const cut = runScript('fanout.js', { ...settings, DRAIN_S: '1', TOPIC: 'cut' });
    await eventually(async () => {
      const { body } = await request(`${node.url}/api/topics/cut`, {});
      return Number(body['sequence']) >= 3;
    }, 60_000);
    await node.kill9();
    const judged = await cut;
    t.ok(judged.notMet.includes('fanout_complete: rate==1'), judged.notMet.join());
  },
);

t.test('node-failure.js: a node dies behind the balancer, and publishing goes on', async (t) => {
  const port = await freePort();
  const [first, second] = [await start('stays'), await start('dies', port)];
  t.teardown(() => first.kill9());
  t.teardown(() => second.kill9());
  const balancer = await startBalancer([first.port, port]);
  t.teardown(() => balancer.stop());
  const under = runScript('node-failure.js', {
    ...{ BASE_URL: `http://127.0.0.1:${balancer.port}`, RATE: '50', DURATION: '8s' },
    ...{ PRE_VUS: '4', MAX_VUS: '12', TOPIC: 'failure' },
  });
  const stored = async (): Promise<number> =>
    Number((await request(`${first.url}/api/topics/failure`, {})).body['sequence']);
  await eventually(async () => (await stored()) > 50, 60_000);
  await second.kill9();
  const again = await start('dies', port);
  t.teardown(() => again.kill9());
  const { metrics, errors, notMet } = await under;
  t.same(errors, []);
  t.same(notMet, []);
  const health = (name: string): number => metrics[name]?.values['count'] ?? 0;
  t.ok(health('health_checks_passed') > 0);
  t.equal(health('health_checks_passed') + health('health_checks_failed'), 8);

  const acknowledged = metrics['checks']?.values['passes'] ?? 0;
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query<{ count: number; different: number }>(
    `select count(*)::int as count, count(distinct convert_from(m.payload, 'UTF8'))::int as different
       from conduit.messages m join conduit.topics t on t.id = m.topic_id where t.name = 'failure'`,
  );
  await client.end();
  const [log] = rows;
  t.ok(acknowledged > 0 && Number(log?.count) >= acknowledged, 'what was answered 200 is stored');
  t.equal(log?.different, log?.count, 'a publish that was repeated is stored once');
});
