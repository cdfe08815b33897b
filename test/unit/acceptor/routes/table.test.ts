// Goal: each row of the table of routes says all of itself: who may ask, what it takes and answers, in
// schemas that a description of the API can be made from. Whatever lacks something is listed here, with
// its reason.
import t from 'tap';
import { z } from 'zod';
import { errorsOf } from '../../../../src/acceptor/http/route-errors.js';
import { ERRORS } from '../../../../src/core/errors.js';
import { SCOPES } from '../../../../src/core/scope.js';
import { ROUTES } from '../../../support/documents/described-routes.js';

/** They say all by their path. */
const WITHOUT_BODY = [
  'POST /api/session',
  'POST /api/nodes/:id/drain',
  'POST /internal/forward',
  'POST /api/subscriptions/:topic/:name/pause',
  'POST /api/subscriptions/:topic/:name/resume',
];
/** What they do is no business of whoever manages: messages are not told of in the audit log. */
const NOT_AUDITED = [
  'POST /api/publish',
  'POST /api/publish/batch',
  'POST /api/topics/:name/events',
  'DELETE /api/deferred/:id',
  ...['pull', 'ack', 'nack', 'extend', 'reject'].map(
    (what) => `POST /api/subscriptions/:topic/:name/${what}`,
  ),
  'POST /internal/forward',
];
/** What they answer is no JSON. */
const WITHOUT_ANSWER = [
  'GET /assets/:file',
  'GET /api/stream',
  'GET /api/topics/:name/events',
  'GET /ws',
  'GET /metrics',
  'POST /internal/forward',
  'GET /api/openapi.json',
  'GET /api/asyncapi.json',
  'GET /api/docs',
];

interface Described {
  description?: string;
  properties?: Record<string, Described>;
  anyOf?: Described[];
}

const nameOf = ({ method, path }: { method: string; path: string }): string => `${method} ${path}`;

function describe(schema: z.ZodType, io: 'input' | 'output'): Described {
  return z.toJSONSchema(schema, { io }) as Described;
}

/** A member may have it within the choice that leaves it out. */
function isDescribed({ description, anyOf = [] }: Described): boolean {
  return description !== undefined || anyOf.some(isDescribed);
}

for (const route of ROUTES) {
  t.test(nameOf(route), async (t) => {
    const { scope, text, params, query, body, answer, path, method } = route;
    const areKnown = scope.split(' or ').every((one) => SCOPES.some((s) => s === one));
    t.ok(scope === 'anyone' || scope === 'any key' || areKnown);
    t.match(text, /^[A-Z].*\.$/);
    for (const schema of [params, query, body]) {
      if (schema === null) continue;
      for (const [name, member] of Object.entries(describe(schema, 'input').properties ?? {})) {
        t.ok(isDescribed(member) || member.properties !== undefined, `${name} is described`);
      }
    }
    const takesNone =
      method === 'GET' || method === 'DELETE' || WITHOUT_BODY.includes(nameOf(route));
    t.equal(body === null, takesNone, 'its body');
    t.equal(params === null, !path.includes(':'), 'its params');
    const shown = Object.entries(answer).filter(([status]) => status !== '204');
    for (const [status, schema] of shown) {
      if (WITHOUT_ANSWER.includes(nameOf(route))) continue;
      t.ok(schema !== null && Object.keys(describe(schema, 'output')).length > 0, status);
    }
    const isTold = method !== 'GET' && !NOT_AUDITED.includes(nameOf(route));
    t.equal(route.audit !== null, isTold, 'what changes something is told to the audit log');
    t.ok(Object.keys(answer).length > 0 || WITHOUT_ANSWER.includes(nameOf(route)));
    for (const code of errorsOf(route)) t.ok(Object.hasOwn(ERRORS, code), code);
  });
}

t.test('no exception is stale', async (t) => {
  const names = ROUTES.map(nameOf);
  t.same(
    [...WITHOUT_BODY, ...WITHOUT_ANSWER, ...NOT_AUDITED].filter((name) => !names.includes(name)),
    [],
  );
});
