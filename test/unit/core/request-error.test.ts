// Goal: refusing costs little, however many are refused at once.
import t from 'tap';
import { RequestError } from '../../../src/core/errors.js';

t.test('a refusal has no stack, and takes nobody else theirs', async (t) => {
  const refusal = new RequestError('topic_not_found', 'topic not found', 'topic');
  t.match(refusal, { code: 'topic_not_found', message: 'topic not found', field: 'topic' });
  t.notMatch(refusal.stack, /\n\s+at /);
  t.match(new Error('a bug').stack, /\n\s+at /);
});
