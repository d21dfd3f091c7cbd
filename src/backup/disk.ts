// Files of a backup: hashed, and made durable before anybody is told that they are there.
import { chmod, open, rename } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { createSha256 } from '../crypto.ts';
import { isoInstant, type Instant } from '../runtime/clock.ts';

type Measured = { bytes: number; sha256: string };

/** Size and hash of a file. */
export function measureFile(path: string): Promise<Measured> {
  return measureStream(Bun.file(path).stream());
}

export async function measureStream(pieces: AsyncIterable<Uint8Array>): Promise<Measured> {
  const hash = createSha256();
  let bytes = 0;
  for await (const piece of pieces) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha256: hash.hex() };
}

/** Closes a file to others and makes it durable. */
export async function keepFile(path: string): Promise<void> {
  await chmod(path, 0o600);
  await sync(path);
}

export async function writeKept(path: string, text: string): Promise<void> {
  const handle = await open(path, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await sync(dirname(path));
}

/** Moves within a disk, durably. */
export async function move(from: string, to: string): Promise<void> {
  await rename(from, to);
  await sync(dirname(to));
  if (dirname(from) !== dirname(to)) await sync(dirname(from));
}

export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An instant as a part of a file's name on every disk. */
export function stampOf(instant: Instant): string {
  return isoInstant(instant).replaceAll(':', '-');
}

/** What the operating system refused, such as a full disk; null for every other fault. */
export function systemFault(thrown: unknown): string | null {
  const isSystem =
    thrown instanceof Error &&
    'code' in thrown &&
    typeof thrown.code === 'string' &&
    /^E[A-Z]+$/.test(thrown.code);
  return isSystem ? thrown.message : null;
}

/** The name of a folder while it is being filled. */
export function partialOf(folder: string): string {
  return `${dirname(folder)}/${basename(folder)}.part`;
}
