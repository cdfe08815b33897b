/** The one table of commands, in the order in which help shows them. */
import { BENCH } from './commands/bench.js';
import { completionCommand } from './commands/completion.js';
import { CONFIG } from './commands/config.js';
import { DLQ_COMMANDS } from './commands/dlq.js';
import { DOCTOR } from './commands/doctor.js';
import { GRANT_ROLE } from './commands/grant-role.js';
import { KEY_COMMANDS } from './commands/keys.js';
import { MESSAGE_COMMANDS } from './commands/messages.js';
import { MIGRATE } from './commands/migrate.js';
import { NODE_COMMANDS } from './commands/nodes.js';
import { PUB } from './commands/pub.js';
import { SERVE } from './commands/serve.js';
import { SESSION_COMMANDS } from './commands/sessions.js';
import { START } from './commands/start.js';
import { SUB } from './commands/sub.js';
import { SUBSCRIPTION_COMMANDS } from './commands/subscriptions.js';
import { TAIL } from './commands/tail.js';
import { TENANT_COMMANDS } from './commands/tenants.js';
import { TOP } from './commands/top.js';
import { TOPIC_COMMANDS } from './commands/topics.js';
import { VERSION } from './commands/version.js';
import { WEBHOOK_COMMANDS } from './commands/webhooks.js';
import type { LineCommand } from './line/command.js';

export const COMMANDS: readonly LineCommand[] = [
  ...[SERVE, START, CONFIG, MIGRATE, DOCTOR],
  ...[PUB, SUB, TAIL],
  ...TOPIC_COMMANDS,
  ...MESSAGE_COMMANDS,
  ...SUBSCRIPTION_COMMANDS,
  ...WEBHOOK_COMMANDS,
  ...DLQ_COMMANDS,
  ...KEY_COMMANDS,
  ...[...TENANT_COMMANDS, GRANT_ROLE],
  ...[...NODE_COMMANDS, ...SESSION_COMMANDS, TOP, BENCH],
  ...[completionCommand(() => COMMANDS), VERSION],
];
