/** The limit in Node: uWebSockets.js that answers publishes and passes messages on, without a broker. */
import { createRequire } from 'node:module';
import { nativeModuleTrouble } from '../../src/acceptor/native-module.js';
import type { Contender } from '../contender.js';
import { startProgram } from './server-process.js';

export const bareUws: Contender = {
  name: 'bare-uws',
  syncs: 'nothing is written: it parses, answers, passes on and forgets',
  missing: nativeModuleTrouble,
  version: async () => {
    const { version } = createRequire(import.meta.url)('uWebSockets.js/package.json') as {
      version: string;
    };
    return `uWebSockets.js (npm uwebsockets ${version}), Node.js ${process.versions.node}`;
  },
  start: async () => {
    const server = await startProgram(new URL('./bare-uws-server.js', import.meta.url), []);
    return {
      target: `127.0.0.1:${server.port}`,
      processes: { server: server.pid },
      stop: () => server.stop(),
    };
  },
};
