/** What GET /api/session answers. */
import { z } from 'zod';
import { SCOPES } from '../../core/scope.js';
import { members, time } from './kinds.js';

export const CALLER = members({
  auth: z.enum(['on', 'off']).describe('Whether keys are asked for (ENABLE_AUTH).'),
  tenant: z.string().nullable().describe('null: no key was shown that is good.'),
  scopes: z.array(z.enum(SCOPES)).describe('What whoever asks may do.'),
  topics: z.array(z.string()).nullable().describe('null: all topics of the tenant.'),
  key_id: z.string().nullable().describe('Of the key; no secret.'),
  login: z.boolean().describe('It came with the cookie of a login.'),
  expires_at: time('When the key ends; null: it does not.').nullable(),
});
