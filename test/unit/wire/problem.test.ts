import t from 'tap';
import { ERRORS, type ErrorCode } from '../../../src/core/errors.js';
import {
  errorFrame,
  errorItem,
  problemBody,
  retryAfterSeconds,
} from '../../../src/wire/problem.js';

const CODES = Object.keys(ERRORS) as ErrorCode[];

t.test('a problem has the members of RFC 9457 and ours', async (t) => {
  t.same(
    JSON.parse(
      problemBody({ code: 'topic_chars', detail: 'topic "/" has ...', field: 'topic' }, 'r-1'),
    ),
    {
      type: 'urn:conduit:error:topic_chars',
      title: ERRORS.topic_chars.title,
      status: 400,
      detail: 'topic "/" has ...',
      code: 'topic_chars',
      field: 'topic',
      request_id: 'r-1',
    },
  );
  t.notOk(
    'field' in JSON.parse(problemBody({ code: 'empty_body', detail: 'x', field: null }, 'r')),
  );
});

t.test('Retry-After is given with 429 and 503 only', async (t) => {
  for (const code of CODES) {
    const { status } = ERRORS[code];
    t.equal(retryAfterSeconds(code) > 0, status === 429 || status === 503, code);
  }
  t.equal(retryAfterSeconds('busy'), 1);
});

t.test('a batch item says whether to try again', async (t) => {
  t.same(errorItem('busy', 'later', undefined), {
    error: { code: 'busy', detail: 'later', field: undefined, status: 503, retryable: true },
  });
  t.equal(JSON.stringify(errorItem('topic_type', 'no', 'topic')).includes('"field":"topic"'), true);
  for (const code of CODES)
    t.equal(errorItem(code, '', undefined).error.retryable, ERRORS[code].temporary);
});

t.test('an error frame brings its ref back', async (t) => {
  t.equal(
    JSON.stringify(errorFrame('busy', 'later', 7)),
    '{"type":"error","code":"busy","message":"later","ref":7}',
  );
  t.equal(
    JSON.stringify(errorFrame('busy', 'later', null)),
    '{"type":"error","code":"busy","message":"later"}',
  );
  t.equal(errorFrame('topic_not_found', 'topic "x" is not here', 0).message, 'topic not found');
  t.equal(errorFrame('topic_not_found', '', 0).ref, 0);
});
