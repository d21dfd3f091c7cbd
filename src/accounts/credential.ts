// Credentials: what one may look like, and how it is kept. Sealed under the master key and bound to its account's id;
// a keyed hash tells of a second import, and the last characters let people recognise it.
import * as v from 'valibot';
import { hmacBase64Url, open, seal } from '../crypto.ts';
import type { Credential } from '../providers/index.ts';
import type { Random } from '../runtime/random.ts';

export type CredentialKeys = { sealKey: Uint8Array; hashKey: Uint8Array };

const storedSchema = v.variant('kind', [
  v.object({
    kind: v.literal('api_key'),
    apiKey: v.string(),
    callbackSecret: v.exactOptional(v.string()),
  }),
  v.object({ kind: v.literal('session'), token: v.string(), cookie: v.nullable(v.string()) }),
]);

const HINT_LENGTH = 4;
/** Shorter secrets would be given away by their last characters. */
const MIN_HINTED_LENGTH = 16;

export function sealCredential(
  credential: Credential,
  accountId: string,
  { sealKey, hashKey, random }: CredentialKeys & { random: Random },
) {
  return {
    credentialKind: credential.kind,
    sealedCredential: seal(sealKey, JSON.stringify(credential), contextOf(accountId), random),
    credentialHash: hashCredential(credential, hashKey),
    credentialHint: hintOf(credential),
  };
}

/** @throws Error when it was sealed for another account, or under another master key */
export function openCredential(sealed: string, accountId: string, sealKey: Uint8Array): Credential {
  const plain = open(sealKey, sealed, contextOf(accountId));
  if (plain === null) throw new Error(`the credential of ${accountId} does not open`);
  return v.parse(storedSchema, JSON.parse(plain));
}

/** The same for the same secret; a cookie beside a token makes no other account of it. */
export function hashCredential(credential: Credential, hashKey: Uint8Array): string {
  return hmacBase64Url(hashKey, `${credential.kind}\n${secretOf(credential)}`);
}

function secretOf(credential: Credential): string {
  return credential.kind === 'api_key' ? credential.apiKey : credential.token;
}

function hintOf(credential: Credential): string {
  const secret = secretOf(credential);
  return secret.length < MIN_HINTED_LENGTH ? '…' : `…${secret.slice(-HINT_LENGTH)}`;
}

function contextOf(accountId: string): string {
  return `accounts.sealed_credential.${accountId}`;
}

/** Every text of a credential that must not be told; a cookie's values too, which may be quoted one by one. */
export function secretsOf(credential: Credential): string[] {
  if (credential.kind === 'api_key') return [credential.apiKey, ...textsOf(credential.callbackSecret)];
  const values = (credential.cookie ?? '').split(';').map((pair) => pair.slice(pair.indexOf('=') + 1).trim());
  return [credential.token, ...textsOf(credential.cookie), ...values.flatMap(textsOf)];
}

function textsOf(text: string | null | undefined): string[] {
  return text === null || text === undefined || text === '' ? [] : [text];
}
