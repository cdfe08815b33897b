/** URLs of webhooks, as they come in. Pure. */
import { isIP } from 'node:net';
import { RequestError } from '../core/errors.js';

const CHARS_MAX = 2_048;

/** As it is called. Throws `invalid_field`. Names are looked up when they are called, not here. */
export function webhookUrl(text: string, mayCall: (address: string) => boolean): string {
  if (text.length > CHARS_MAX) throw refused(`has more than ${CHARS_MAX} characters`);
  if (!URL.canParse(text)) throw refused('must be a URL, such as https://example.com/hooks');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused('takes http and https');
  if (url.username !== '' || url.password !== '') {
    throw refused('takes no user and password: requests are signed');
  }
  url.hash = '';
  const address = addressIn(url);
  if (address === null || mayCall(address)) return url.href;
  throw refused(
    'leads to an address that is not public: WEBHOOK_ALLOW says which others may be called',
  );
}

/** Null: it has a name, which has to be looked up. The parser has made decimal and octal forms plain. */
export function addressIn({ hostname }: URL): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? null : bare;
}

function refused(detail: string): RequestError {
  return new RequestError('invalid_field', detail, 'url');
}
