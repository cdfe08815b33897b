// Goal: under `npm start` (embedded PostgreSQL) a SIGKILL of the node loses nothing that was acknowledged:
// the next start adopts the PostgreSQL that is still running, and finds the data; so does one after
// a clean stop.
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../support/eventually.js';
import { PACKAGE_FOLDER, startNode } from '../support/node.js';
import { Publisher, request } from '../support/publisher.js';

/** A copy of the package, so that its .conduit/ is this test's own. */
function copyPackage(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-start-'));
  chmodSync(folder, 0o755);
  for (const part of ['dist/src', 'sql', 'package.json']) {
    cpSync(path.join(PACKAGE_FOLDER, part), path.join(folder, part), { recursive: true });
  }
  symlinkSync(path.join(PACKAGE_FOLDER, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

async function marksInLog(url: string, topic: string): Promise<Map<string, number>> {
  const marks = new Map<string, number>();
  let from = 1;
  for (;;) {
    const page = await request(`${url}/api/topics/${topic}/messages?from_sequence=${from}`, {});
    const messages = page.body['messages'] as { sequence: number; payload: { n: string } }[];
    for (const { sequence, payload } of messages) marks.set(payload.n, sequence);
    if (page.body['next'] === undefined) return marks;
    from = Number(page.body['next']);
  }
}

t.test('npm start survives SIGKILL under load with every acknowledged message', async (t) => {
  const folder = copyPackage();
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const program = path.join(folder, 'dist/src/cli/conduit.js');
  const options = { command: 'start' as const, program, cwd: folder };
  let node = await startNode({}, options);
  t.teardown(() => node.stop());
  t.match(node.output(), /durable/);
  await request(`${node.url}/api/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"name":"start"}',
  });
  const publisher = new Publisher(node.url, 'start');
  let killed = false;
  const load = publisher.load({ topics: ['start'], connections: 16, until: () => killed });
  await eventually(() => publisher.acked().length > 300);
  await node.kill9();
  killed = true;
  await load;
  node = await startNode({}, options);
  t.match(node.output(), /found running/, 'it adopts the PostgreSQL that was left');
  const marks = await marksInLog(node.url, 'start');
  const acked = publisher.acked();
  t.same(
    acked.filter((attempt) => marks.get(attempt.mark) !== attempt.sequence),
    [],
  );
  t.same(
    [...marks.values()],
    Array.from({ length: marks.size }, (_, i) => i + 1),
  );
  t.equal(await node.stop(), 0);
  node = await startNode({}, options);
  t.equal((await marksInLog(node.url, 'start')).size, marks.size, 'and after a clean stop');
  t.equal(await node.stop(), 0);
  publisher.close();
});
