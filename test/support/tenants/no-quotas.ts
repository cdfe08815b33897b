/** A ledger of quotas where no tenant has any. */
import type { QuotaLedger } from '../../../src/tenant/quota-ledger.js';

export const NO_QUOTAS: Pick<QuotaLedger, 'of'> = { of: () => undefined };
