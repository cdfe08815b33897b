// Goal: requests that manage keys are bounded for each who asks, so that those of one tenant hold up nobody
// else's, the operator's above all, who ends keys.
import { MessageChannel } from 'node:worker_threads';
import t from 'tap';
import { OPERATOR } from '../../../src/acceptor/routes/directory.js';
import { DirectoryPort } from '../../../src/thread/directory-port.js';

t.test('what one tenant asks is no bound of others', async (t) => {
  // Nobody answers at its other end.
  const { port1, port2 } = new MessageChannel();
  const port = new DirectoryPort(port1);
  const busy: string[] = [];
  const ask = (by: string): void => {
    port
      .manage(by, 'keys.delete', { id: 'x' })
      .catch(({ code }) => void busy.push(`${by} ${code}`));
  };
  for (let n = 0; n < 100; n++) ask('acme');
  await new Promise(setImmediate);
  t.same(new Set(busy), new Set(['acme busy']));
  t.ok(busy.length < 50, 'some wait');
  busy.length = 0;
  for (const by of [OPERATOR, 'bravo']) ask(by);
  await new Promise(setImmediate);
  t.same(busy, []);
  port.close();
  port2.close();
});
