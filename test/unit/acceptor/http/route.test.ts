// Goal: a route is what its kind and its own entry say together. An entry whose handler does not give what it
// says that it answers, or asks for what it is not given, does not compile.
import t from 'tap';
import { z } from 'zod';
import { rawRoutesOf, routesOf } from '../../../../src/acceptor/http/route.js';
import { members } from '../../../../src/wire/schemas/kinds.js';

const SHOWN = members({ name: z.string(), size: z.number() });
const one = { params: members({ name: z.string() }), errors: ['topic_not_found'] } as const;
const shown = routesOf({ ...one, scope: 'subscribe' });

t.test(
  'what is left out is nothing; errors of its own are added to those of its kind',
  async (t) => {
    const route = shown('GET /things/:name', 'Shows one.', {
      answer: { 200: SHOWN },
      errors: ['bad_cursor'],
      handle: async ({ params }) => ({ name: params.name, size: 1 }),
    });
    t.match(route, {
      method: 'GET',
      path: '/things/:name',
      scope: 'subscribe',
      text: 'Shows one.',
    });
    t.match(route, { query: null, body: null, bodyLimit: 'frameBytesMax', params: one.params });
    t.same(route.errors, ['topic_not_found', 'bad_cursor']);
    const plain = rawRoutesOf({ scope: 'anyone' })('GET /', 'Nothing.', {
      answer: {},
      serve: () => undefined,
    });
    t.match(plain, { params: null, errors: [] });
  },
);

t.test('a path whose parameters are not those of its schema fails at the start', async (t) => {
  const make = () =>
    shown('GET /things/:id', 'Shows one.', {
      answer: { 204: null },
      handle: async () => undefined,
    });
  t.throws(make, { message: '/things/:id has id, its params name' });
});

t.test('handler and schemas are held together by the compiler', async (t) => {
  const answer = { 200: SHOWN };
  shown('GET /a/:name', 'A member that is missing.', {
    answer,
    // @ts-expect-error: it has no size.
    handle: async ({ params }) => ({ name: params.name }),
  });
  shown('GET /b/:name', 'A member of another type.', {
    answer,
    // @ts-expect-error: its size is a number.
    handle: async ({ params }) => ({ name: params.name, size: '1' }),
  });
  shown('GET /c/:name', 'A parameter that is not in the path.', {
    answer,
    // @ts-expect-error: there is no id.
    handle: async ({ params }) => ({ name: params.id, size: 1 }),
  });
  shown('GET /d/:name', 'A query that it does not take.', {
    answer,
    // @ts-expect-error: there is none.
    handle: async ({ query }) => ({ name: query.name, size: 1 }),
  });
  // @ts-expect-error: an answer without a schema.
  t.throws(() => shown('GET /e/:name', 'No answer.', { handle: async () => undefined }));
  // @ts-expect-error: a method that is none.
  shown('TRACE /f/:name', 'Another method.', {
    answer: { 204: null },
    handle: async () => undefined,
  });
  t.pass('it compiles');
});
