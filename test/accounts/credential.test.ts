// Credentials at rest: sealed, bound to their account, recognised by a keyed hash, and hinted at no more than is safe.
import { describe, expect, test } from 'bun:test';
import { hashCredential, openCredential, sealCredential, secretsOf } from '../../src/accounts/credential.ts';
import type { Credential } from '../../src/providers/index.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const random = createSeededRandom(1);
const [sealKey, otherKey, hashKey] = [random.bytes(32), random.bytes(32), random.bytes(32)];
const KEY: Credential = { kind: 'api_key', apiKey: 'a-key-of-some-provider-9f2c' };
const SESSION: Credential = {
  kind: 'session',
  token: 'token-of-a-session-41aa',
  cookie: 'a=first-1; b=second',
};

const sealed = (credential: Credential, id = 'acc_1') =>
  sealCredential(credential, id, { sealKey, hashKey, random });

describe('a sealed credential', () => {
  test.each([KEY, SESSION, { ...KEY, callbackSecret: 'what-signs' }])(
    'opens for its account: %j',
    (credential) => {
      expect(openCredential(sealed(credential).sealedCredential, 'acc_1', sealKey)).toEqual(credential);
    },
  );
  test('holds nothing of it in the clear', () => {
    const text = JSON.stringify(sealed(SESSION));
    for (const secret of secretsOf(SESSION)) expect(text.includes(secret)).toBe(false);
  });
  test('does not open for another account, or with another key', () => {
    const { sealedCredential } = sealed(KEY);
    expect(() => openCredential(sealedCredential, 'acc_2', sealKey)).toThrow('does not open');
    expect(() => openCredential(sealedCredential, 'acc_1', otherKey)).toThrow('does not open');
  });
  test('does not open when a single character of it was changed', () => {
    const { sealedCredential } = sealed(KEY);
    for (let at = 0; at < sealedCredential.length - 1; at++) {
      const other = sealedCredential[at] === 'A' ? 'B' : 'A';
      const changed = sealedCredential.slice(0, at) + other + sealedCredential.slice(at + 1);
      expect(() => openCredential(changed, 'acc_1', sealKey)).toThrow();
    }
  });
  test('is another text each time, and the same hash', () => {
    const [one, two] = [sealed(KEY), sealed(KEY, 'acc_2')];
    expect(one.sealedCredential).not.toBe(two.sealedCredential);
    expect(one.credentialHash).toBe(two.credentialHash);
  });
});

test('the hash is of the secret alone, and of no use without its key', () => {
  expect(hashCredential({ ...SESSION, cookie: null }, hashKey)).toBe(hashCredential(SESSION, hashKey));
  expect(hashCredential({ kind: 'api_key', apiKey: SESSION.token }, hashKey)).not.toBe(
    hashCredential(SESSION, hashKey),
  );
  expect(hashCredential(KEY, otherKey)).not.toBe(hashCredential(KEY, hashKey));
});

test('the hint is the end of a long secret, and nothing of a short one', () => {
  expect(sealed(KEY).credentialHint).toBe('…9f2c');
  expect(sealed(SESSION).credentialHint).toBe('…41aa');
  expect(sealed({ kind: 'api_key', apiKey: 'short-key-15-ch' }).credentialHint).toBe('…');
});

test('the secrets of a credential are every text that must not be told', () => {
  expect(secretsOf(SESSION)).toEqual(['token-of-a-session-41aa', 'a=first-1; b=second', 'first-1', 'second']);
  expect(secretsOf({ ...KEY, callbackSecret: 'x' })).toEqual([KEY.apiKey, 'x']);
});
