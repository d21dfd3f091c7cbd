// What the tests of reference images share: two good files, the ways to write bytes as text, and the refusal of a call.
import { expect } from 'bun:test';
import { GatewayError, type ErrorCode } from '../../src/errors.ts';
import { parseReference, type ReferenceInput } from '../../src/media/reference.ts';
import { jpeg, png } from './image-bytes.ts';

export const PNG = png(300, 260);
export const JPEG = jpeg(300, 260);

export const base64 = (bytes: Uint8Array) => bytes.toBase64();
export const base64Url = (bytes: Uint8Array) => bytes.toBase64({ alphabet: 'base64url', omitPadding: true });
export const dataUrl = (bytes: Uint8Array, head = 'image/png') => `data:${head};base64,${base64(bytes)}`;

/** What a call answered, or the refusal that it threw. */
export function outcomeOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
}

type Refusal = { code: ErrorCode; paths: string[] | undefined };

/** Code and fields of a refusal, whose message names the field and never repeats what was sent. */
export function refusalOf(act: () => unknown): Refusal | { answered: unknown } {
  const outcome = outcomeOf(act);
  if (!(outcome instanceof GatewayError)) return { answered: outcome };
  expect(outcome.message).toStartWith(`${outcome.fields?.[0]?.path} `);
  expect(outcome.message.length).toBeLessThan(200);
  return { code: outcome.code, paths: outcome.fields?.map((field) => field.path) };
}

/** The bytes of an inline reference; null for a URL. */
export function bytesOf(input: ReferenceInput): Uint8Array | null {
  const { source } = parseReference(input);
  return source.kind === 'inline' ? source.bytes : null;
}
