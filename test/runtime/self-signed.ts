// A self-signed certificate for some names, made when a test asks for it: X.509 written by hand in DER, because neither
// Bun nor node:crypto issues one, openssl may be missing, and a key that lies in a repository sets off alarms.
import { generateKeyPairSync, sign } from 'node:crypto';

export type Certificate = { key: string; cert: string };

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const OBJECT_ID = 0x06;
const UTF8 = 0x0c;
const UTC_TIME = 0x17;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** In a subject's alternative names: a DNS name, an address. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

const ECDSA_WITH_SHA256 = '06082a8648ce3d040302';
const COMMON_NAME = '0603550403';
const SUBJECT_ALT_NAME = '0603551d11';

/** Valid from 2000 to 2049, so that no test ever fails by the calendar. */
export function makeSelfSigned(names: readonly string[]): Certificate {
  const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = der(SEQUENCE, fromHex(ECDSA_WITH_SHA256));
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, fromHex(COMMON_NAME), der(UTF8, Buffer.from('sluice test')))),
  );
  const body = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.from([1])),
    algorithm,
    name,
    der(SEQUENCE, der(UTC_TIME, Buffer.from('000101000000Z')), der(UTC_TIME, Buffer.from('491231235959Z'))),
    name,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    der(EXTENSIONS, der(SEQUENCE, alternativeNames(names))),
  );
  const signature = sign('sha256', body, pair.privateKey);
  const whole = der(SEQUENCE, body, algorithm, der(BIT_STRING, Buffer.from([0]), signature));
  return {
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: `-----BEGIN CERTIFICATE-----\n${lines(whole.toString('base64'))}\n-----END CERTIFICATE-----\n`,
  };
}

function alternativeNames(names: readonly string[]): Buffer {
  const entries = names.map((name) =>
    /^[0-9.]+$/.test(name)
      ? der(IP_ADDRESS, Buffer.from(name.split('.').map(Number)))
      : der(DNS_NAME, Buffer.from(name)),
  );
  return der(SEQUENCE, fromHex(SUBJECT_ALT_NAME), der(OCTET_STRING, der(SEQUENCE, ...entries)));
}

/** Tag, length, value; lengths above 127 are written with a count of their bytes in front. */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const value = Buffer.concat(parts);
  const size = value.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), value]);
}

function fromHex(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex');
  // The object id as it stands: its tag and length are part of the constant.
  if (bytes[0] !== OBJECT_ID) throw new Error(`not an object id: ${hex}`);
  return bytes;
}

function lines(base64: string): string {
  return (base64.match(/.{1,64}/g) ?? []).join('\n');
}
