/**
 * Certificates that sign themselves, as files in PEM: for localhost and 127.0.0.1, written here in DER
 * (RFC 5280), since node:crypto makes none and not every machine has openssl.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8 = 0x0c;
const UTC_TIME = 0x17;
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex');
const DAY_MS = 86_400_000;

export interface CertificateFiles {
  /** In PEM. */
  cert: string;
  certFile: string;
  keyFile: string;
}

/** Writes `<name>.crt` and `<name>.key` into the folder. `days`: how long it is valid; negative: it was. */
export function writeCertificate(folder: string, name: string, days = 30): CertificateFiles {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const der = certificate(name, { publicKey, privateKey }, days);
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  const files = {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    certFile: path.join(folder, `${name}.crt`),
    keyFile: path.join(folder, `${name}.key`),
  };
  writeFileSync(files.certFile, files.cert);
  writeFileSync(files.keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return files;
}

function certificate(
  name: string,
  keys: { publicKey: KeyObject; privateKey: KeyObject },
  days: number,
): Buffer {
  const algorithm = tlv(SEQUENCE, ECDSA_WITH_SHA256);
  const subject = tlv(SEQUENCE, tlv(SET, tlv(SEQUENCE, COMMON_NAME, tlv(UTF8, Buffer.from(name)))));
  const now = Date.now();
  const validity = [now - 60 * DAY_MS, now + days * DAY_MS].map(utcTime);
  const names = tlv(
    SEQUENCE,
    tlv(0x82, Buffer.from('localhost')),
    tlv(0x87, Buffer.from([127, 0, 0, 1])),
  );
  const extension = tlv(SEQUENCE, SUBJECT_ALT_NAME, tlv(OCTET_STRING, names));
  const toBeSigned = tlv(
    SEQUENCE,
    tlv(0xa0, tlv(INTEGER, Buffer.from([2]))),
    tlv(INTEGER, Buffer.from([1])),
    algorithm,
    subject,
    tlv(SEQUENCE, ...validity),
    subject,
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, tlv(SEQUENCE, extension)),
  );
  const signature = sign('sha256', toBeSigned, keys.privateKey);
  return tlv(
    SEQUENCE,
    toBeSigned,
    algorithm,
    tlv(BIT_STRING, Buffer.concat([Buffer.from([0]), signature])),
  );
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14);
  return tlv(UTC_TIME, Buffer.from(`${digits}Z`));
}

function tlv(tag: number, ...parts: Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), value]);
  const size =
    length < 0x100
      ? Buffer.from([tag, 0x81, length])
      : Buffer.from([tag, 0x82, length >> 8, length & 0xff]);
  return Buffer.concat([size, value]);
}
