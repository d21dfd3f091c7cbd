// What features see of the database: a connection to read from, a transaction to write in, and statements that
// are prepared once a connection. Which database it is stays behind this file.
import { getTableColumns, is, Param, Placeholder, sql } from 'drizzle-orm';
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core';
import type { Instant } from '../runtime/clock.ts';
import type { Tables } from './schema/tables.ts';

export {
  ATTEMPT_OUTCOMES,
  COST_UNITS,
  CREDENTIAL_KINDS,
  CUSTOMER_STATUSES,
  ENTRY_KINDS,
  FAULTS,
  FILE_ROLES,
  JOB_STATES,
} from './schema/tables.ts';

export type {
  AccountStatus,
  AttemptState,
  CustomerStatus,
  EntryKind,
  FileRole,
  JobState,
  Tables,
} from './schema/tables.ts';

/** Drizzle's builders, typed for SQLite and awaited, which both engines' builders satisfy. */
export type Builders = Pick<
  BaseSQLiteDatabase<'async', unknown>,
  'select' | 'insert' | 'update' | 'delete' | '$count' | 'with' | 'selectDistinct'
>;

/** Something that can run queries: the read connection, or an open transaction. */
export type Connection = {
  readonly q: Builders;
  readonly t: Tables;
  /** Readies a statement without rows; what comes back runs it. The way of `command`, and of nobody else. */
  readonly prepare: (text: string) => (values: readonly unknown[]) => void | Promise<void>;
};

/** An open transaction. `now` is the one instant that everything it writes carries. */
export type Tx = Connection & {
  readonly now: Instant;
  /** Tells every node, once this is committed and before the caller of `transaction` goes on; never on a rollback. */
  publish(topic: Topic, subject: string): void;
  /**
   * Undoes what `work` did besides the database, when what it wrote is undone: it threw, the commit failed, or it has
   * to run once more because another one in the same commit failed.
   */
  onRollback(undo: () => void): void;
};

/**
 * What nodes tell each other. A listener must take it as a hint to look again, never as the news itself.
 * `access`: a customer, key or plan changed. `prices`: a price changed. `accounts`: an account changed in more than its
 * load. `job-due`: a job waits for its next step.
 * `job-changed`: what is shown of the job named as subject has changed. `job-ended`: it has ended.
 */
export type Topic = 'access' | 'prices' | 'accounts' | 'job-due' | 'job-changed' | 'job-ended';
export type Listener = (subject: string) => void;

export type Db = {
  /** Committed rows only. */
  readonly read: Connection;
  /**
   * Runs `work` in a transaction that is durable when the promise resolves, and undone when `work` throws.
   * Nothing but queries may be awaited inside: other writers wait meanwhile. Not to be nested. `work` may run twice,
   * the first time for nothing: what it does besides the database it must undo with `tx.onRollback`.
   * @throws GatewayError `service_unavailable` when the disk is full or cannot be written
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Calls `listener` for everything published on a topic from now on; returns the way to stop. */
  subscribe(topic: Topic, listener: Listener): () => void;
};

/** A query that drizzle can prepare. */
type Preparable<Rows> = { prepare(): { execute(values?: Record<string, unknown>): Promise<Rows> } };

/**
 * A query with named parameters, built and prepared once a connection: building costs twenty times the run.
 * Inside `build` each `p.name` is typed as its value and stands as a placeholder.
 *
 *     const findJob = statement(({ q, t }, p: { id: string }) => q.select().from(t.jobs).where(eq(t.jobs.id, p.id)));
 *     const rows = await findJob(tx, { id });
 */
export function statement<Params extends Record<string, unknown>, Rows>(
  build: (connection: Connection, params: Params) => Preparable<Rows>,
): (connection: Connection, params: Params) => Promise<Rows> {
  const prepared = onceAConnection((connection) => build(connection, placeholders<Params>()).prepare());
  return (connection, params) => prepared(connection).execute(params);
}

function onceAConnection<Made>(make: (connection: Connection) => Made): (connection: Connection) => Made {
  const made = new WeakMap<Builders, Made>();
  return (connection) => {
    let known = made.get(connection.q);
    if (known === undefined) {
      known = make(connection);
      made.set(connection.q, known);
    }
    return known;
  };
}

/** Something that drizzle can put into words. */
type Sayable = { toSQL(): { sql: string; params: unknown[] } };

/**
 * A `statement` without rows. Drizzle says it once; what it binds is looked up here, because drizzle's own way through
 * its parameters is dear beside a small row.
 */
export function command<Params extends Record<string, unknown>>(
  build: (connection: Connection, params: Params) => Sayable,
): (connection: Connection, params: Params) => void | Promise<void> {
  const prepared = onceAConnection((connection) => {
    const said = build(connection, placeholders<Params>()).toSQL();
    const [bound, execute] = [said.params.map(bindingOf), connection.prepare(said.sql)];
    return (values: Params) => execute(bound.map((read) => read(values)));
  });
  return (connection, params) => prepared(connection)(params);
}

/** How to find what one parameter of a statement stands for among the values of a call. */
function bindingOf(parameter: unknown): (values: Record<string, unknown>) => unknown {
  if (is(parameter, Placeholder)) return (values) => values[parameter.name];
  if (!is(parameter, Param) || !is(parameter.value, Placeholder)) return () => parameter;
  const { name } = parameter.value;
  const { encoder } = parameter;
  return (values) => {
    const value = values[name];
    return value === null ? null : encoder.mapToDriverValue(value);
  };
}

/**
 * Inserts whole rows of a table, every column named.
 *
 *     const insertJob = insertion('jobs');
 *     await insertJob(tx, job);
 */
export function insertion<Name extends keyof Tables>(
  name: Name,
): (tx: Tx, row: Tables[Name]['$inferSelect']) => void | Promise<void> {
  return command(({ q, t }: Connection, p: Record<string, unknown>) => {
    const names = Object.keys(getTableColumns(t[name]));
    return q.insert(t[name]).values(Object.fromEntries(names.map((column) => [column, p[column]])) as never);
  });
}

function placeholders<Params extends Record<string, unknown>>(): Params {
  return new Proxy({}, { get: (_target, name) => sql.placeholder(String(name)) }) as Params;
}

/**
 * A limit that stands in the statement itself. SQLite prepares a statement anew each time a limit is bound to it,
 * which costs more than many a query.
 */
export function fixedLimit(rows: number): Placeholder {
  return sql.raw(String(rows)) as unknown as Placeholder;
}

/** The single row of a result that can hold at most one. */
export function first<Row>(rows: Row[]): Row | null {
  return rows[0] ?? null;
}
