// The database: the file itself, its schema, the clock that its rows were written by, and the two hash chains.
import type { createAudit } from '../audit/index.ts';
import { StartFault } from '../errors.ts';
import type { createLedger } from '../ledger/index.ts';
import { isoInstant, MINUTE_MS, type Clock } from '../runtime/clock.ts';
import type { DatabaseFile } from '../store/database-file.ts';
import type { Connection } from '../store/db.ts';
import { fine, wrong, type Finding } from './finding.ts';
import { findNewestInstant } from './queries.ts';

/** Two machines that took turns may differ by this much; more shows in rate windows and links. */
const CLOCK_TOLERANCE_MS = MINUTE_MS;
/** Before this program existed; what a machine without a battery wakes up with. */
const EARLIEST_INSTANT = Date.UTC(2026, 0, 1);

export function examineDatabase(database: DatabaseFile, file: string): Finding {
  const fault = database.fault('quick');
  if (fault === null) return fine('database', `${file} is whole`);
  const advice = "stop the gateway, keep the file, and put the last backup in place with 'sluice restore'";
  // SQLite speaks in lines, and a finding is one.
  return wrong('database', `${file} is damaged (${fault.replaceAll(/\s+/g, ' ')})`, advice);
}

export function examineSchema(database: DatabaseFile): Finding {
  const plan = readPlan(database);
  if (typeof plan === 'string') {
    const made =
      "start the build that has made it, or put a backup of this build in place with 'sluice restore'";
    return wrong('schema', plan, made);
  }
  const { applied, pending } = plan;
  const version = applied.at(-1)?.id ?? 0;
  if (pending.length === 0) return fine('schema', `version ${version}`);
  const advice = "'sluice migrate' or the next start brings it up to date, after a copy";
  return wrong('schema', `version ${version}, this build has ${pending.at(-1)?.id ?? version}`, advice);
}

/** What is applied, or the sentence that a start would be stopped with. */
function readPlan(database: DatabaseFile): ReturnType<DatabaseFile['plan']> | string {
  try {
    return database.plan();
  } catch (thrown) {
    if (thrown instanceof StartFault) return thrown.message;
    throw thrown;
  }
}

export async function examineClock(on: Connection, clock: Clock): Promise<Finding> {
  const now = clock.now();
  if (now < EARLIEST_INSTANT)
    return wrong('clock', `it says ${isoInstant(now)}`, 'set the clock of this machine');
  const newest = await findNewestInstant(on);
  if (newest === null || newest <= now + CLOCK_TOLERANCE_MS) return fine('clock', isoInstant(now));
  const detail = `it says ${isoInstant(now)}, and the newest row is of ${isoInstant(newest)}`;
  return wrong('clock', detail, 'set the clock of this machine, and keep it set (NTP)');
}

export async function examineBooks(
  on: Connection,
  ledger: Pick<ReturnType<typeof createLedger>, 'audit'>,
): Promise<Finding[]> {
  const { wallets, entries, faults } = await ledger.audit(on);
  if (faults.length === 0) return [fine('books', `${wallets} wallets and ${entries} entries balance`)];
  const advice = 'keep a backup as it is, and find out who else has written to the database';
  return faults.map(({ customerId, mode, fault }) =>
    wrong('books', `${mode} wallet of ${customerId}: ${fault}`, advice),
  );
}

export async function examineAudit(
  on: Connection,
  audit: Pick<ReturnType<typeof createAudit>, 'verify'>,
): Promise<Finding> {
  const { events, fault } = await audit.verify(on);
  if (fault === null) return fine('audit', `${events} events, none missing or changed`);
  return wrong('audit', fault, 'keep a backup as it is, and find out who else has written to the database');
}
