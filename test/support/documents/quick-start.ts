/** The README's way into Conduit, step by step, on a node that runs: what it shows is sent, and compared. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { Subscriber } from '../clients/subscriber.js';
import { runShell, sectionOf } from './guide.js';

const run = promisify(execFile);

export interface Step {
  what: string;
  /** Names of fields, or output: what the README shows, and what came. */
  shown: unknown;
  came: unknown;
}

const fieldsOf = (text: string): string[] => Object.keys(JSON.parse(text) as object);

/** `conduit`: the command that stands in the place of `npx conduit`. */
export async function takeQuickStart(url: string, conduit: string): Promise<Step[]> {
  const bodies = sectionOf('README.md', 'Quick start').map(({ body }) => body);
  const [create = '', created = '', , subscribe = '', subscribed = '', publish = ''] = bodies;
  const [published = '', message = '', lines = '', output = ''] = bodies.slice(6);
  const steps: Step[] = [];
  const compare = (what: string, shown: string, came: object): void => {
    steps.push({ what, shown: fieldsOf(shown), came: Object.keys(came) });
  };
  const ask = async (body: string): Promise<object> =>
    JSON.parse(await runShell(body, url)) as object;
  compare('a topic is made', created, await ask(create));
  const session = await Subscriber.open(url.replace('http', 'ws'), 'seed');
  session.socket.send(subscribe);
  compare('a subscription', subscribed, await session.waitFor(({ type }) => type === 'subscribed'));
  const answer = await ask(publish);
  compare('a publish', published, answer);
  steps.push({
    what: 'it counts subscribers',
    shown: 1,
    came: (answer as { subscribers: number }).subscribers,
  });
  await eventually(() => session.messages.length === 1);
  compare('its message', message, session.messages[0] ?? {});
  steps.push({
    what: 'and what is in it',
    shown: { ...(JSON.parse(message) as object), message_id: 0, published_at: 0 },
    came: { ...session.messages[0], message_id: 0, published_at: 0 },
  });
  session.close();
  const script = lines.replaceAll('npx conduit', conduit);
  const said = await runShell(script, url, { CONDUIT_URL: url });
  steps.push({ what: 'the command line', shown: output, came: said.trimEnd().split('\n').at(-1) });
  return steps;
}

/** Runs the README's script in `folder`, where `client` is what it imports; what it prints. */
export async function runClientScript(
  url: string,
  { folder, client }: { folder: string; client: string },
): Promise<string> {
  const [block] = sectionOf('README.md', 'From TypeScript').filter(
    ({ language }) => language === 'ts',
  );
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
  const { outputText } = ts.transpileModule(block?.body ?? '', { compilerOptions });
  const file = path.join(folder, 'try-client.mjs');
  writeFileSync(
    file,
    outputText.replace('http://localhost:8080', url).replace('conduit-broker-client', client),
  );
  const { stdout } = await run(process.execPath, [file], { cwd: folder });
  return stdout;
}
