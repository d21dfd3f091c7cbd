// A second process for a test: migrates the database of a folder and kills itself after so many statements of the
// migrations; the one after the last is the note that they were applied.
import Database from '#sqlite';
import { createSystemClock } from '../../src/runtime/clock.ts';
import { createLog } from '../../src/runtime/log.ts';
import { SQLITE_MIGRATIONS } from '../../src/store/migrations/index.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { SECOND_STEP, statementsOf } from './steps.ts';

const [dataDir = '', killAfter = ''] = process.argv.slice(2);
let left = Number(killAfter);
const { exec, prepare } = Database.prototype;

function done(): void {
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

Database.prototype.exec = function (sql) {
  if (!sql.includes('CREATE TABLE meta') && sql !== SECOND_STEP.sql) return exec.call(this, sql);
  for (const statement of statementsOf(sql)) {
    exec.call(this, statement);
    done();
  }
  return this;
};
Database.prototype.prepare = function (this: typeof Database.prototype, sql: string) {
  const statement = prepare.call(this, sql);
  if (!sql.startsWith('INSERT INTO schema_migrations')) return statement;
  const run = statement.run.bind(statement) as (...values: unknown[]) => unknown;
  return Object.assign(statement, {
    run(...values: unknown[]) {
      run(...values);
      done();
    },
  });
} as typeof prepare;

openSqlite({
  dataDir,
  clock: createSystemClock(),
  log: createLog({ level: 'silent' }),
  migrations: [...SQLITE_MIGRATIONS, SECOND_STEP],
});
process.stdout.write('open\n');
