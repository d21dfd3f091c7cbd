// `sluice migrate`: brings the database to this build's schema without serving.
import { locateDataFolder, prepareDataFolder, type DataFolder } from '../data-folder.ts';
import { openDatabase } from '../gateway.ts';
import { systemRuntime } from '../runtime/index.ts';
import { isInTransaction } from '../store/group-commit.ts';
import { lockDataFolder } from '../store/lock.ts';
import { SQLITE_MIGRATIONS } from '../store/migrations/index.ts';
import { readMigrationPlan, rollBackJournal } from '../store/sqlite.ts';
import { CONFIG_OPTION, EXIT, JSON_OPTION, printJson, type Command } from './command.ts';
import { readConfig } from './settings.ts';

type Step = { id: number; name: string };
type Outcome = { fromVersion: number; toVersion: number; steps: Step[]; backup: string | null };

export const migrate: Command = {
  name: 'migrate',
  summary: "bring the database to this build's schema",
  details:
    'The gateway does the same when it starts. A database that has data is first copied into the folder "backups" of ' +
    "the data folder, from where 'sluice restore' puts it back. Without a database one is made.",
  options: {
    'dry-run': { help: 'only say what would be done' },
    ...CONFIG_OPTION,
    ...JSON_OPTION,
  },
  example: 'sluice migrate --dry-run',
  async run(invocation) {
    const { terminal, values } = invocation;
    const folder = locateDataFolder(readConfig(invocation));
    const isDryRun = values['dry-run'] === true;
    const outcome = isDryRun ? planned(folder) : await applied(folder);
    if (values['json'] === true) printJson(invocation, { ok: true, isDryRun, ...outcome });
    else for (const line of describe(outcome, isDryRun)) terminal.print(line);
    return EXIT.ok;
  },
};

const toStep = ({ id, name }: Step): Step => ({ id, name });

function planned({ dir }: DataFolder): Outcome {
  const plan = readMigrationPlan(dir) ?? { applied: [], pending: SQLITE_MIGRATIONS };
  const fromVersion = plan.applied.at(-1)?.id ?? 0;
  const steps = plan.pending.map(toStep);
  return { fromVersion, toVersion: steps.at(-1)?.id ?? fromVersion, steps, backup: null };
}

async function applied(folder: DataFolder): Promise<Outcome> {
  prepareDataFolder(folder);
  const lock = lockDataFolder(folder.dir);
  try {
    rollBackJournal(folder.dir);
    const before = planned(folder);
    const runtime = systemRuntime({ level: 'silent', isInTransaction });
    const { store, backup } = await openDatabase(folder, runtime);
    await store.close();
    return { ...before, steps: store.migrated.map(toStep), backup };
  } finally {
    lock.release();
  }
}

function describe({ fromVersion, toVersion, steps, backup }: Outcome, isDryRun: boolean): string[] {
  if (steps.length === 0)
    return [`The database has schema ${fromVersion}, which is this build's: nothing to do.`];
  return [
    ...steps.map(({ id, name }) => `${isDryRun ? 'would apply' : 'applied'} ${id} (${name})`),
    ...(backup === null ? [] : [`the database as it was lies in ${backup}`]),
    `schema ${fromVersion} -> ${toVersion}`,
  ];
}
