// Goal: a port belongs to one node of a machine from before it listens until its process is gone,
// whatever HOST names the port by; what others listen on is found, and what nobody has is free.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePort } from '../../../native-bench/rig/free-port.js';
import { namesHeld } from '../../../src/supervisor/abstract-socket.js';
import { claimPort } from '../../../src/supervisor/port-claim.js';

const MODULE = fileURLToPath(new URL('../../../src/supervisor/port-claim.js', import.meta.url));
/** Says what came of the claim, and keeps it until it is killed. */
const CLAIM = `
  const { claimPort } = await import(${JSON.stringify(`file://${MODULE}`)});
  const [, host, port] = process.argv;
  await new Promise((resolve) => process.stdin.once('data', resolve));
  await claimPort(host, Number(port)).then(
    () => process.stdout.write('claimed'), (error) => process.stdout.write(error.message));
  setInterval(() => undefined, 60_000);
`;

interface Claimer {
  child: ChildProcess;
  /** Tells it to claim now. */
  go(): Promise<string>;
  kill(): Promise<void>;
}

function claimer(t: Test, host: string, port: number): Claimer {
  const args = ['--input-type=module', '-e', CLAIM, host, String(port)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], env: {} });
  const gone = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  t.teardown(kill);
  const go = async (): Promise<string> => {
    child.stdin.write('go\n');
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    return said.toString('utf8');
  };
  return { child, go, kill };
}

/** Elsewhere there is only a look at the port, which comes too early for both. */
const isLinux = process.platform === 'linux';
const hasIPv6 = Object.values(networkInterfaces())
  .flat()
  .some((each) => each?.address === '::1');

t.test('of processes that claim in the same instant one gets it', async (t) => {
  const all: [string, string][] = [
    ['127.0.0.1', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
    ['0.0.0.0', '::'],
    ['::', '::1'],
  ];
  const pairs = all.filter((hosts) => hasIPv6 || !hosts.some((host) => host.includes(':')));
  for (const hosts of isLinux ? [...pairs, ...pairs] : []) {
    const port = await freePort();
    const claimers = hosts.map((host) => claimer(t, host, port));
    const said = await Promise.all(claimers.map(({ go }) => go()));
    t.equal(said.filter((text) => text === 'claimed').length, 1, `${hosts.join(' and ')}: ${said}`);
    t.match(said.sort()[0], `PORT=${port}: another Conduit node of this machine has it`);
    await Promise.all(claimers.map(({ kill }) => kill()));
    await (await claimPort(hosts[0], port)).stop();
  }
});

t.test('other addresses and other ports do not matter', async (t) => {
  // Elsewhere 127.0.0.2 is no address of the machine.
  if (!isLinux) return;
  const port = await freePort();
  const one = await claimPort('127.0.0.1', port);
  const two = await claimPort('127.0.0.2', port);
  const three = await claimPort('0.0.0.0', await freePort());
  await t.rejects(claimPort('0.0.0.0', port), /another Conduit/);
  await two.stop();
  await t.rejects(claimPort('127.1', port), /another Conduit/);
  await one.stop();
  await (await claimPort('0.0.0.0', port)).stop();
  await three.stop();
  t.same(namesHeld(`conduit/port/${port}/`), []);
});

t.test('what another program listens on is found, by any of its addresses', async (t) => {
  const port = await freePort();
  const foreign = createServer();
  t.teardown(() => foreign.close());
  await listening(foreign, port);
  for (const host of ['127.0.0.1', '0.0.0.0', 'localhost', ...(hasIPv6 ? ['::'] : [])]) {
    await t.rejects(claimPort(host, port), {
      message: `PORT=${port}: another process listens on it`,
    });
  }
  t.same(namesHeld(`conduit/port/${port}/`), [], 'a claim that failed holds nothing');
});

t.test('an address that is not there', async (t) => {
  const port = await freePort();
  await t.rejects(claimPort('192.0.2.1', port), /HOST=192\.0\.2\.1: this machine does not/);
  await t.rejects(claimPort('nowhere.invalid', port), /HOST=nowhere\.invalid: cannot be resolved/);
});

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}
