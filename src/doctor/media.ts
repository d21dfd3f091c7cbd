// Stored files against the rows that name them, by sample: the youngest rows, and the first old files that are found.
import { createMediaDisk } from '../media/index.ts';
import { HOUR_MS, type Clock } from '../runtime/clock.ts';
import type { Connection } from '../store/db.ts';
import { fine, wrong, type Finding } from './finding.ts';
import { listKnown, listNewestKept } from './queries.ts';

/** Rows, and files, that are looked at. */
const MEDIA_SAMPLE = 1000;
/** The gateway sweeps once a day what is a day old; what is older than both was not swept. */
const UNSWEPT_AGE_MS = 48 * HOUR_MS;
/** Names in a finding. */
const MAX_NAMED = 3;

export async function examineMedia(on: Connection, mediaDir: string, clock: Clock): Promise<Finding[]> {
  const [absent, strangers] = [
    await findAbsent(on, mediaDir, clock),
    await findStrangers(on, mediaDir, clock),
  ];
  const findings: Finding[] = [];
  if (absent.ids.length > 0) {
    const detail = `${absent.ids.length} of ${absent.looked} files are missing or cut short: ${named(absent.ids)}`;
    findings.push(wrong('media', detail, 'put them back from a backup; their links answer 410 until then'));
  }
  if (strangers.ids.length > 0) {
    const detail = `${strangers.ids.length} of ${strangers.looked} old files are in no row: ${named(strangers.ids)}`;
    findings.push(wrong('media', detail, 'the gateway removes them every night while it runs: let it run'));
  }
  const sample = `${absent.looked} rows and ${strangers.looked} old files fit (a sample of ${MEDIA_SAMPLE} at most)`;
  return findings.length > 0 ? findings : [fine('media', sample)];
}

type Sampled = { looked: number; ids: string[] };

async function findAbsent(on: Connection, mediaDir: string, clock: Clock): Promise<Sampled> {
  const store = createMediaDisk(mediaDir);
  const rows = await listNewestKept(on, { now: clock.now(), limit: MEDIA_SAMPLE });
  const ids: string[] = [];
  for (const { id, bytes } of rows) if ((await store.open(id))?.size !== bytes) ids.push(id);
  return { looked: rows.length, ids };
}

async function findStrangers(on: Connection, mediaDir: string, clock: Clock): Promise<Sampled> {
  const ids = new Set<string>();
  for await (const { fileId } of createMediaDisk(mediaDir).listOlderThan(clock.now() - UNSWEPT_AGE_MS)) {
    if (fileId !== null) ids.add(fileId);
    if (ids.size >= MEDIA_SAMPLE) break;
  }
  const looked = ids.size;
  for (const { id } of await listKnown(on, [...ids])) ids.delete(id);
  return { looked, ids: [...ids] };
}

function named(ids: readonly string[]): string {
  return ids.slice(0, MAX_NAMED).join(', ') + (ids.length > MAX_NAMED ? ', …' : '');
}
