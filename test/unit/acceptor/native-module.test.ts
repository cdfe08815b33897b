// Goal: on a version of Node.js for which there is no binary of uWebSockets.js the line says which versions
// there are; on an old system it says what of the system is too old. `engines` names the same versions.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  loadTrouble,
  NODE_VERSIONS,
  nativeModuleTrouble,
} from '../../../src/acceptor/native-module.js';

/** As the module says it, whatever the reason is. */
const MADE_FOR =
  'This version of uWS.js supports only Node.js versions 16, 18, 20, 21, 22, 24 and 25 on (glibc) Linux';
const platform = 'linux-x64, glibc 2.41';

t.test('a version that has no binary', async (t) => {
  const error = new Error(
    `${MADE_FOR}\n\nError: Cannot find module './uws_linux_x64_147.node'\nRequire stack:\n- /x`,
  );
  const line = loadTrouble({ version: 'v26.0.0', platform, error });
  t.match(line, /does not load on Node\.js v26\.0\.0, linux-x64, glibc 2\.41: it has no binary/);
  t.match(line, 'Conduit runs on Node.js 20.19, 22.12, 24 and 25, for which npm has one');
  t.notMatch(line, /\n|glibc is older/);
});

t.test('a system that is too old', async (t) => {
  const said = "Error: /lib/libc.so.6: version `GLIBC_2.38' not found (required by /x.node)";
  const error = new Error(`${MADE_FOR}\n\n${said}`);
  const line = loadTrouble({ version: 'v24.0.0', platform: 'linux-x64, glibc 2.36', error });
  t.match(line, `glibc 2.36: ${said}; use Node.js 20 where glibc is older than 2.38, or replace`);
  t.notMatch(line, /\n/);
});

t.test('package.json asks for the same versions, and this one is among them', async (t) => {
  const manifest = readFileSync(
    fileURLToPath(new URL('../../../../package.json', import.meta.url)),
    'utf8',
  );
  const { engines } = JSON.parse(manifest) as { engines: { node: string } };
  const asked = NODE_VERSIONS.map((version) => `^${version}${version.includes('.') ? '' : '.0'}.0`);
  t.equal(engines.node, asked.join(' || '));
  t.equal(await nativeModuleTrouble(), null);
});
