/** Names and ids of paths, queries and bodies. Their bytes and characters are those of core/topic-name.ts. */
import { z } from 'zod';
import { type ErrorCode, RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import { checkTopicName, isName, nameRule } from '../../core/topic-name.js';
import { parseUuid } from '../../core/uuid.js';
import { via } from './kinds.js';

const ID = /^\d{1,15}$/;

/** `field`: what an absent one, or one of another type, is called; another fault is the topic's. */
export function topicName(limits: Limits, field = 'topic') {
  const read = (value: unknown): string => {
    if (value === undefined || value === null) {
      throw new RequestError('topic_required', 'is required', field);
    }
    if (typeof value !== 'string') throw new RequestError('topic_type', 'must be a string', field);
    checkTopicName(value, limits);
    return value;
  };
  const { topicNameBytesMax: maxLength } = limits;
  const description = 'Name of a topic: letters, digits, _ : - and single dots between.';
  return z.unknown().transform(via(read)).meta({ type: 'string', maxLength, description });
}

export function subscriptionName({ topicNameBytesMax }: Limits) {
  const read = (value: string): string => {
    if (isName(value, topicNameBytesMax)) return value;
    throw new RequestError('invalid_field', nameRule(topicNameBytesMax), 'subscription');
  };
  const description = 'Name of a durable subscription: characters as in topics.';
  const schema = z.string({ error: 'must be a string' }).describe(description);
  return schema.transform(via(read));
}

/** Of a path: what can be no id is not there. */
export function numericId(code: ErrorCode, what: string) {
  const read = (value: string): number => {
    if (ID.test(value)) return Number(value);
    throw new RequestError(code, `no such ${what}`, 'id');
  };
  return z.string().describe(`Id of a ${what}.`).transform(via(read));
}

export function messageId() {
  const read = (value: string): string => {
    if (parseUuid(value) !== null) return value;
    throw new RequestError('invalid_field', 'must be a message_id, a UUID', 'id');
  };
  return z.string().describe('The message_id.').transform(via(read));
}
