// What a backup says of itself: the schema, the database by its hash, and every stored file by its own. The one file
// by which a backup is known to be whole; it is written last.
import * as v from 'valibot';
import type { Counts } from './queries.ts';

export const MANIFEST_FILE = 'manifest.json';
export const MEDIA_FOLDER = 'media';

/** The form of this file, not of the database. */
const FORMAT = 1;
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const manifestSchema = v.strictObject({
  format: v.literal(FORMAT),
  /** The build that made it. */
  version: v.string(),
  createdAt: v.pipe(v.string(), v.isoTimestamp()),
  schemaVersion: v.pipe(count, v.minValue(1)),
  database: v.strictObject({ bytes: count, sha256 }),
  /** Rows, to be recognised by people and counted again by a restore. */
  counts: v.record(v.string(), count),
  media: v.strictObject({
    /** False where only the database was copied, as before an upgrade: the stored files then stay where they are. */
    isIncluded: v.boolean(),
    files: v.array(v.strictObject({ id: v.string(), bytes: count, sha256 })),
    /** What the database names and the media folder did not have, or not whole. */
    missing: v.array(v.string()),
  }),
});

export type Manifest = Omit<v.InferOutput<typeof manifestSchema>, 'counts'> & { counts: Counts };

type Told = Pick<Manifest, 'version' | 'createdAt' | 'schemaVersion' | 'database' | 'counts' | 'media'>;

export function makeManifest(told: Told): Manifest {
  return { format: FORMAT, ...told };
}

export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Null for anything that this build did not write, or could not. */
export function parseManifest(text: string): Manifest | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = v.safeParse(manifestSchema, json);
  return parsed.success ? (parsed.output as Manifest) : null;
}
