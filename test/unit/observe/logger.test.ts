// Goal: a line of the log has its event and no secret, repeats are counted and not written, and a line that
// cannot be written takes nobody along.
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { makeApiKey } from '../../../src/core/api-key.js';
import { Logger, type LoggerOptions } from '../../../src/observe/logger.js';

type Line = Record<string, unknown>;

function openLog(
  t: Test,
  more: Partial<LoggerOptions> = {},
): { logger: Logger; text: () => string } {
  const file = path.join(t.testdir(), 'log');
  const fd = openSync(file, 'w');
  t.teardown(() => closeSync(fd));
  const options = { level: 'info', format: 'json', secrets: [], fd, alikeMs: 50 } as const;
  const logger = new Logger({ ...options, ...more });
  return { logger, text: () => readFileSync(file, 'utf8') };
}

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

t.test('a line is JSON: time, level, node, event, fields, words', async (t) => {
  const { logger, text } = openLog(t);
  logger.tell('log.state', { about: 'worker-0', state: 'open', detail: '' });
  t.equal(text(), '', 'below its level');
  logger.node = 'node-1';
  logger.tell('node.draining', { by: 'SIGTERM' });
  logger.tell('thread.died', { about: 'worker-0', cause: 'why' }, 'in other words');
  logger.tell('certificate.refused', { about: null, cause: 'why' });
  const [first, second, third] = linesOf(text());
  t.match(first, { level: 30, time: /^\d{4}-.*Z$/, node: 'node-1', event: 'node.draining' });
  t.match(first, { by: 'SIGTERM', msg: 'draining' });
  t.match(second, { level: 50, event: 'thread.died', msg: 'in other words' });
  t.notOk(Object.hasOwn(third ?? {}, 'about'), 'what has no value is left out');
});

t.test('what comes again within a while is counted, by what it is about', async (t) => {
  const { logger, text } = openLog(t);
  for (let n = 0; n < 100; n++) {
    for (const where of ['/a', '/b']) {
      const at = { about: 'acceptor-0', where, request_id: `${where}${n}`, stack: 's' };
      logger.tell('handler.threw', at);
    }
  }
  t.equal(linesOf(text()).length, 2, 'the first of each');
  await eventually(() => linesOf(text()).length === 4);
  const told = linesOf(text()).map(({ request_id, suppressed }) => [request_id, suppressed]);
  t.same(told.slice(2), [
    ['/a99', 98],
    ['/b99', 98],
  ]);
  for (let n = 0; n < 3; n++) logger.tell('thread.died', { about: 'worker-0', cause: 'why' });
  t.equal(linesOf(text()).length, 7, 'those whose number has another bound are all written');
  for (let n = 0; n < 3; n++) logger.tell('process.warning', {}, 'of Node.js');
  logger.flush();
  t.match(linesOf(text()).slice(7), [{}, { suppressed: 1 }], 'at the end');
});

t.test('kinds of repeats are bounded', async (t) => {
  const { logger, text } = openLog(t, { alikeMs: 60_000 });
  for (let n = 0; n < 2_000; n++) {
    logger.tell('handler.threw', { about: 'a', where: `/${n}`, request_id: null, stack: 's' });
  }
  t.equal(linesOf(text()).length, 257);
  logger.flush();
  t.match(linesOf(text()).at(-1), { where: '/1999', suppressed: 1_742 });
});

t.test('no secret is written, whoever says it', async (t) => {
  const key = makeApiKey().text;
  const secrets = ['postgres://u:p%40ss"word@h/d', 'admin-key-of-the-operator', null, 'short'];
  for (const format of ['json', 'pretty'] as const) {
    const { logger, text } = openLog(t, { secrets, format });
    const said = `p%40ss"word and p@ss"word, admin-key-of-the-operator, ${key}, ey${'a'.repeat(20)}.b.c`;
    const err = Object.assign(new Error(said), { config: { password: said } });
    logger.tell('keys.failed', { err });
    logger.tell('node.waits', {}, said);
    for (const secret of ['ss\\"word', 'ss"word', 'admin-key', key, 'eyaaa', 'config']) {
      t.notOk(text().includes(secret), secret);
    }
    t.match(text(), /\[redacted\] and \[redacted\], \[redacted\], \[redacted\], \[redacted\]/);
    if (format === 'json') t.match(linesOf(text())[0], { err: { type: 'Error', stack: / at / } });
  }
});

t.test('for people it is a line each, with nothing that moves a cursor', async (t) => {
  const { logger, text } = openLog(t, { format: 'pretty' });
  logger.node = 'node-1';
  logger.tell('thread.died', { about: 'worker-0', cause: 'a\n\u001b[31mb' });
  logger.tell('handler.threw', { about: 'a', where: '/x', request_id: 'r-1', stack: 'E\n at x' });
  const [died = '', ...threw] = text().split('\n');
  t.match(
    died,
    /^\d\d:\d\d:\d\d\.\d{3} ERROR a thread died {2}about=worker-0 {2}cause=a\\u\{a\}\\u/,
  );
  t.match(died, /\(thread\.died\)$/);
  t.match(threw.join('\n'), /request_id=r-1 {2}\(handler\.threw\)\n {4}E\n {4}at x\n$/);
});

t.test('a line that cannot be written is counted, and told of with the next', async (t) => {
  const full = openSync('/dev/full', 'w');
  t.teardown(() => closeSync(full));
  const { logger } = openLog(t, { fd: full });
  logger.tell('node.draining', { by: 'SIGTERM' });
  t.pass('nothing was thrown');
  const again = openLog(t);
  t.equal(again.text(), '');
});
