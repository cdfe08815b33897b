// Goal: the chart, as a cluster gets it, keeps nodes serving while they are replaced and lets in from outside
// what clients need, and nothing else. What is looked at is what Helm made of the files that are there.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { PACKAGE_FOLDER } from '../../native-bench/rig/node.js';
import { LIMITS } from '../../src/core/limits.js';

const CHART = path.join(PACKAGE_FOLDER, 'ops/helm/conduit');
const text = readFileSync(path.join(PACKAGE_FOLDER, 'test/vectors/helm.yaml'), 'utf8');

interface Probe {
  httpGet: { path: string };
  periodSeconds: number;
  failureThreshold: number;
}

interface Container {
  env: { name: string; value?: string }[];
  readinessProbe: Probe;
  livenessProbe: Probe;
  lifecycle: { preStop: { exec: { command: string[] } } };
  securityContext: object;
}

interface Rendered {
  kind: string;
  metadata: { name: string };
  spec: {
    replicas?: number;
    maxUnavailable?: number;
    selector?: object;
    serviceName?: string;
    publishNotReadyAddresses?: boolean;
    template?: {
      metadata: { labels: Record<string, string> };
      spec: {
        terminationGracePeriodSeconds: number;
        securityContext: object;
        containers: [Container];
      };
    };
    rules?: [{ http: { paths: { path: string; pathType: string }[] } }];
  };
}

const rendered = parseAllDocuments(text).map((document) => document.toJS() as Rendered);
const only = (kind: string): Rendered['spec'] =>
  rendered.find((one) => one.kind === kind)?.spec ?? {};
const { spec: pod, metadata: podMetadata } = only('StatefulSet').template ?? {};
const node = pod?.containers[0];

t.test('it was rendered from the files that are there', async (t) => {
  const files = readdirSync(CHART, { recursive: true, encoding: 'utf8' })
    .filter((file) => statSync(path.join(CHART, file)).isFile())
    .sort((a, b) => (a < b ? -1 : 1));
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(path.join(CHART, file)));
  const advice = 'the chart has changed: ops/helm/render.sh > test/vectors/helm.yaml';
  t.match(text.split('\n', 1)[0], hash.digest('hex'), advice);
});

t.test('a node that is replaced drains, and the others serve', async (t) => {
  t.equal(only('PodDisruptionBudget').maxUnavailable, 1);
  t.ok((only('StatefulSet').replicas ?? 0) > 1);
  const selected = { matchLabels: {} as Record<string, string> };
  t.match(only('PodDisruptionBudget').selector, selected);
  t.match(
    podMetadata?.labels,
    (only('PodDisruptionBudget').selector as typeof selected).matchLabels,
  );
  t.equal(node?.readinessProbe.httpGet.path, '/readyz', 'red while it drains');
  t.equal(node?.livenessProbe.httpGet.path, '/livez', 'none is killed for its log being away');
  const [program, seconds] = node?.lifecycle.preStop.exec.command ?? [];
  t.equal(program, 'sleep');
  const { periodSeconds = 0, failureThreshold = 0 } = node?.readinessProbe ?? {};
  t.ok(Number(seconds) >= periodSeconds * failureThreshold, 'balancers have noticed when it ends');
  const drainS = LIMITS.shutdownTimeoutMs.default / 1_000;
  t.ok((pod?.terminationGracePeriodSeconds ?? 0) > Number(seconds) + drainS, 'and it has the time');
});

t.test('it runs as nobody, writes nothing, and reads its secrets from files', async (t) => {
  t.match(pod?.securityContext, { runAsNonRoot: true, runAsUser: 1000 });
  t.match(node?.securityContext, {
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    capabilities: { drop: ['ALL'] },
  });
  const secrets = (node?.env ?? []).filter(({ name }) => /KEY|SECRET|_URL/.test(name));
  t.ok(secrets.length >= 4);
  for (const { name, value } of secrets) {
    t.match(name, /_FILE$/);
    t.match(value, /^\/run\/conduit\//);
  }
});

t.test(
  'a node is reached by the others under a name of its own, also before it is ready',
  async (t) => {
    const address = node?.env.find(({ name }) => name === 'NODE_ADDR')?.value ?? '';
    t.match(address, `$(NODE_ID).${only('StatefulSet').serviceName}.`);
    const service = rendered.find(
      ({ metadata }) => metadata.name === only('StatefulSet').serviceName,
    );
    t.match(service?.spec, { clusterIP: 'None', publishNotReadyAddresses: true });
  },
);

t.test('from outside come clients and browsers, and nobody to /internal or /metrics', async (t) => {
  const paths = only('Ingress').rules?.[0].http.paths ?? [];
  const reaches = (asked: string): boolean =>
    paths.some(({ path: allowed, pathType }) =>
      pathType === 'Prefix' && allowed !== '/'
        ? asked === allowed || asked.startsWith(`${allowed}/`)
        : asked === allowed || pathType === 'Prefix',
    );
  for (const asked of ['/internal/forward', '/internal', '/metrics'])
    t.notOk(reaches(asked), asked);
  for (const asked of ['/', '/ws', '/api/publish', '/assets/index.js', '/readyz'])
    t.ok(reaches(asked));
  const files = readFileSync(path.join(PACKAGE_FOLDER, 'dashboard/src/page-files.tsx'), 'utf8');
  const pages = [...files.matchAll(/ pageFile\('([^']+)'/g)].map(([, page = '']) => page);
  t.ok(pages.length > 8);
  for (const page of pages) t.ok(reaches(page), `${page} of the dashboard`);
});
