// Goal: no two callers are given one port, be they of one process or of several, although no server listens
// on what they got yet; and none is one that the kernel may give to a connection.
import { spawn } from 'node:child_process';
import t from 'tap';

const MODULE = new URL('../../../native-bench/rig/free-port.js', import.meta.url).href;
const PROCESSES = 4;
const PORTS = 150;
/** Takes its ports, all at once, tells them, and lives until its stdin ends. */
const PROGRAM = `import { freePort } from ${JSON.stringify(MODULE)};
const ports = await Promise.all(Array.from({ length: ${PORTS} }, () => freePort()));
process.stdout.write(JSON.stringify(ports) + '\\n');
process.stdin.resume();`;

t.test('every port goes to one caller', async (t) => {
  const taken = await Promise.all(Array.from({ length: PROCESSES }, take));
  const ports = taken.flatMap(({ ports }) => ports);
  t.equal(ports.length, PROCESSES * PORTS);
  t.equal(new Set(ports).size, ports.length);
  t.ok(Math.max(...ports) < 32_768);
  for (const { end } of taken) t.equal(await end(), 0, 'what it holds does not keep it alive');
});

interface Taker {
  ports: number[];
  end: () => Promise<number | null>;
}

function take(): Promise<Taker> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const end = (): Promise<number | null> => {
    child.stdin.end();
    return exited;
  };
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('\n')) resolve({ ports: JSON.parse(text) as number[], end });
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
  });
}
