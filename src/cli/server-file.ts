// The note that a running gateway leaves in its data folder, so that other commands find it. A note alone proves
// nothing: a gateway that was killed leaves one behind, so the folder's lock and the process are asked too.
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { isDataFolderLocked } from '../store/lock.ts';
import type { Terminal } from './command.ts';

const SERVER_FILE = 'server.json';

const noteSchema = v.strictObject({
  /** Where it listens, as seen from this machine. */
  url: v.pipe(v.string(), v.url()),
  pid: v.pipe(v.number(), v.integer()),
});

export type ServerNote = v.InferOutput<typeof noteSchema>;

/** `busy`: some process holds the folder and has not said where it listens: it starts, stops, or is another command. */
export type Presence = { kind: 'running'; note: ServerNote } | { kind: 'busy' } | { kind: 'stopped' };

/** Writes the note; returns the way to take it back. */
export function writeServerNote(dataDir: string, note: ServerNote): () => void {
  const file = join(dataDir, SERVER_FILE);
  rmSync(file, { force: true });
  writeFileSync(file, `${JSON.stringify(note)}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(file, 0o600);
  return () => rmSync(file, { force: true });
}

/** What an earlier process left; to be called by whoever holds the lock. */
export function dropServerNote(dataDir: string): void {
  rmSync(join(dataDir, SERVER_FILE), { force: true });
}

export function findServer(dataDir: string, terminal: Terminal): Presence {
  if (!existsSync(dataDir) || !isDataFolderLocked(dataDir)) return { kind: 'stopped' };
  const note = readNote(join(dataDir, SERVER_FILE));
  return note !== null && terminal.isAlive(note.pid) ? { kind: 'running', note } : { kind: 'busy' };
}

function readNote(file: string): ServerNote | null {
  try {
    const parsed = v.safeParse(noteSchema, JSON.parse(readFileSync(file, 'utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
