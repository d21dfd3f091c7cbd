// Whether a backup is whole: every hash in its manifest, and the database against what the manifest says of it. Looks
// only; a backup that is not whole is refused before anything is changed.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isId } from '../ids.ts';
import { createMediaDisk } from '../media/index.ts';
import { DATABASE_FILE, openDatabaseFile } from '../store/database-file.ts';
import type { Connection } from '../store/db.ts';
import { measureFile, measureStream } from './disk.ts';
import { keptPages } from './make.ts';
import { MANIFEST_FILE, MEDIA_FOLDER, parseManifest, type Manifest } from './manifest.ts';
import { countRows } from './queries.ts';

export type Verdict = { kind: 'sound'; manifest: Manifest } | { kind: 'damaged'; fault: string };

/**
 * Reads every byte of a backup.
 * @throws StartFault when its database is from a newer build
 */
export async function verifyBackup(folder: string, progress: (line: string) => void): Promise<Verdict> {
  const file = Bun.file(join(folder, MANIFEST_FILE));
  if (!(await file.exists())) return damaged(`${folder} is no backup: it has no ${MANIFEST_FILE}`);
  const manifest = parseManifest(await file.text());
  if (manifest === null)
    return damaged(`${folder} is no backup of this format: its ${MANIFEST_FILE} is not one`);
  progress('checking the backup');
  const fault = (await databaseFault(folder, manifest)) ?? (await mediaFault(folder, manifest));
  return fault === null ? { kind: 'sound', manifest } : damaged(`the backup ${folder} is damaged: ${fault}`);
}

async function databaseFault(folder: string, manifest: Manifest): Promise<string | null> {
  const file = join(folder, DATABASE_FILE);
  if (!existsSync(file)) return `${DATABASE_FILE} is missing`;
  const measured = await measureFile(file);
  if (measured.sha256 !== manifest.database.sha256) return `${DATABASE_FILE} is not the one of its manifest`;
  const database = openDatabaseFile(file);
  try {
    const version = database.plan().applied.at(-1)?.id ?? 0;
    if (version !== manifest.schemaVersion)
      return `the database has schema ${version}, the manifest says another`;
    const counts = await countRows(database.read);
    const wrong = Object.entries(counts).find(
      ([name, rows]) => manifest.counts[name as keyof typeof counts] !== rows,
    );
    if (wrong !== undefined)
      return `the database has ${wrong[1]} ${wrong[0]}, the manifest says another number`;
    return manifest.media.isIncluded ? await listFault(database.read, manifest) : null;
  } finally {
    database.close();
  }
}

/** Every file that the database keeps is in the manifest, as stored or as missing, with the same hash; and no other. */
async function listFault(on: Connection, { media }: Manifest): Promise<string | null> {
  const listed = new Map(media.files.map((file) => [file.id, file.sha256]));
  const missing = new Set(media.missing);
  for await (const page of keptPages(on)) {
    for (const { id, sha256 } of page) {
      if (!missing.delete(id) && listed.get(id) !== sha256)
        return `its ${MANIFEST_FILE} does not know the file ${id}`;
      listed.delete(id);
    }
  }
  const stranger = [...listed.keys(), ...missing][0];
  return stranger === undefined
    ? null
    : `its ${MANIFEST_FILE} names ${stranger}, which the database does not`;
}

async function mediaFault(folder: string, { media }: Manifest): Promise<string | null> {
  const store = createMediaDisk(join(folder, MEDIA_FOLDER));
  for (const { id, sha256 } of media.files) {
    const content = isId('file', id) ? await store.open(id) : null;
    if (content === null) return `the stored file ${id} is missing`;
    if ((await measureStream(content.stream())).sha256 !== sha256) return `the stored file ${id} was changed`;
  }
  return null;
}

function damaged(fault: string): Verdict {
  return { kind: 'damaged', fault };
}
