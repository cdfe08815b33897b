/** What the API answers, by the node's own schemas: neither can drift from the other. */
import type { z } from 'zod';
import type * as audit from '../../../src/wire/schemas/audit.js';
import type * as letters from '../../../src/wire/schemas/dead-letters.js';
import type * as keys from '../../../src/wire/schemas/keys.js';
import type * as logins from '../../../src/wire/schemas/logins.js';
import type * as sessions from '../../../src/wire/schemas/sessions.js';
import type * as subscriptions from '../../../src/wire/schemas/subscriptions.js';
import type * as system from '../../../src/wire/schemas/system.js';
import type * as topics from '../../../src/wire/schemas/topics.js';

type Answered<S extends z.ZodType> = z.output<S>;

export type Stats = Answered<typeof system.STATS>;
export type Health = Answered<typeof system.WHOLE_HEALTH>;
export type NodeList = Answered<typeof system.NODE_LIST>;
export type ListedNode = Answered<typeof system.NODE_LISTED>;
export type Topic = Answered<typeof topics.TOPIC>;
export type TopicPage = Answered<typeof topics.TOPIC_PAGE>;
export type MessagePage = Answered<typeof topics.MESSAGE_PAGE>;
export type Message = MessagePage['messages'][number];
export type Subscription = Answered<typeof subscriptions.SUBSCRIPTION>;
export type SubscriptionPage = Answered<typeof subscriptions.SUBSCRIPTION_PAGE>;
export type Session = Answered<typeof sessions.SESSION>;
export type SessionPage = Answered<typeof sessions.SESSION_PAGE>;
export type Letter = Answered<typeof letters.LETTER>;
export type LetterPage = Answered<typeof letters.LETTER_PAGE>;
export type Job = Answered<typeof letters.JOB>;
export type JobStarted = Answered<typeof letters.JOB_STARTED>;
export type Trace = Answered<typeof letters.TRACE>;
export type Caller = Answered<typeof logins.CALLER>;
export type ApiKey = Answered<typeof keys.KEY>;
export type ShownKey = Answered<typeof keys.SHOWN_KEY>;
export type KeyList = Answered<typeof keys.KEY_LIST>;
export type Tenant = Answered<typeof keys.TENANT>;
export type TenantList = Answered<typeof keys.TENANT_LIST>;
export type AuditPage = Answered<typeof audit.AUDIT_PAGE>;
export type AuditEntry = Answered<typeof audit.AUDIT_ENTRY>;

export interface Published {
  message_id: string;
  topic: string;
  sequence: number;
  published_at: string;
  subscribers: number;
  duplicate?: boolean;
}
