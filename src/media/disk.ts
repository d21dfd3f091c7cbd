// Media on disk, under our own names. A file appears whole or not at all: it is written aside, made durable and
// then moved to its name.
import { createSha256 } from '../crypto.ts';
import { renameSync } from 'node:fs';
import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '../ids.ts';
import { assert } from '../errors.ts';

export type WrittenFile = { bytes: number; sha256: string };
/** Bytes that are read when they are asked for; the file may be gone by then. */
export type StoredContent = Blob & { exists(): Promise<boolean> };
export type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export type MediaStore = {
  /**
   * Stores the pieces under the file's id, over an earlier try if there is one.
   * @returns null when there are more than `maxBytes`, or none at all; nothing is kept then
   */
  write(fileId: string, pieces: Pieces, maxBytes: number): Promise<WrittenFile | null>;
  /** The file to read from; null when it is not there. */
  open(fileId: string): Promise<StoredContent | null>;
  /** Does nothing when the file is gone already. */
  remove(fileId: string): Promise<void>;
  /** What was stored before an instant; `fileId` is null for what an interrupted write left. */
  listOlderThan(instant: number): AsyncIterable<{ fileId: string | null; remove(): Promise<void> }>;
};

/** Two characters from the random end of an id make 1,024 folders; the very last may be a small number. */
const SHARD = { from: -3, to: -1 } as const;
const PARTIAL_SUFFIX = '.part';

export function createMediaDisk(folder: string): MediaStore {
  const shardOf = (fileId: string) => join(folder, fileId.slice(SHARD.from, SHARD.to));
  const pathOf = (fileId: string) => {
    assert(isId('file', fileId), 'a media file is named by an id of ours');
    return join(shardOf(fileId), fileId);
  };

  let writes = 0;
  /** For each file that is being written, the number of the write that began last. */
  const newest = new Map<string, number>();

  return {
    async write(fileId, pieces, maxBytes) {
      const path = pathOf(fileId);
      await mkdir(shardOf(fileId), { recursive: true, mode: 0o700 });
      // A writer that was given up may still go on: each writes aside on its own, and the last to begin has the name.
      const number = (writes += 1);
      newest.set(fileId, number);
      const partial = `${path}.${number}${PARTIAL_SUFFIX}`;
      // One of this number may lie there from a process that died.
      await removeIfThere(partial);
      try {
        const written = await writePieces(partial, pieces, maxBytes);
        if (written === null) return null;
        assert(newest.get(fileId) === number, 'a newer write of the file has begun');
        // At once, so that no newer one comes in between.
        renameSync(partial, path);
        await syncFolder(shardOf(fileId));
        return written;
      } finally {
        if (newest.get(fileId) === number) newest.delete(fileId);
        await removeIfThere(partial);
      }
    },
    async open(fileId) {
      const file = Bun.file(pathOf(fileId));
      return (await file.exists()) ? file : null;
    },
    remove: (fileId) => removeIfThere(pathOf(fileId)),
    async *listOlderThan(instant) {
      for (const shard of await readdirOrNone(folder)) {
        for (const name of await readdirOrNone(join(folder, shard))) {
          const path = join(folder, shard, name);
          const isPartial = name.endsWith(PARTIAL_SUFFIX);
          // What is not ours stays.
          if (!isId('file', isPartial ? name.slice(0, name.indexOf('.')) : name)) continue;
          const modifiedAt = await modifiedAtOrNone(path);
          if (modifiedAt !== null && modifiedAt < instant)
            yield { fileId: isPartial ? null : name, remove: () => removeIfThere(path) };
        }
      }
    },
  };
}

/** Whether a folder has any file of ours in it, as it has when a database was lost that named them. */
export async function hasStoredFiles(folder: string): Promise<boolean> {
  for await (const { fileId } of createMediaDisk(folder).listOlderThan(Infinity)) {
    if (fileId !== null) return true;
  }
  return false;
}

async function writePieces(path: string, pieces: Pieces, maxBytes: number): Promise<WrittenFile | null> {
  const handle = await open(path, 'wx', 0o600);
  try {
    const hash = createSha256();
    let bytes = 0;
    for await (const piece of pieces) {
      bytes += piece.length;
      if (bytes > maxBytes) return null;
      hash.update(piece);
      await handle.writeFile(piece);
    }
    if (bytes === 0) return null;
    await handle.sync();
    return { bytes, sha256: hash.hex() };
  } finally {
    await handle.close();
  }
}

/** Makes the new name itself durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown;
  }
}

/** Null when somebody else has removed it meanwhile. */
async function modifiedAtOrNone(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (thrown) {
    if (isMissing(thrown)) return null;
    throw thrown;
  }
}

async function readdirOrNone(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw thrown;
  }
}

function isMissing(thrown: unknown): boolean {
  return (
    thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR')
  );
}
