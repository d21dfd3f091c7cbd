// Lists by cursor, the newest first. The cursor is the key of the last row seen: ids and sequence numbers grow with
// time, so that a row that appears meanwhile never shifts a page.
import { lt, type Column, type SQL } from 'drizzle-orm';
import { invalidField } from '../errors.ts';
import { isId, type IdKind } from '../ids.ts';

/** `cursor` is null for the first page. */
export type PageRequest = { limit: number; cursor: string | null };
export type Page<Row> = { rows: Row[]; nextCursor: string | null };

/** The rows that come after the cursor, in a list that falls along a key. */
export function afterCursor(key: Column, cursor: string | null): SQL | undefined {
  if (cursor === null) return undefined;
  return lt(key, key.dataType === 'number' ? Number(cursor) : cursor);
}

/** Cuts off the one row too many that a query reads to learn whether there is a next page. */
export function toPage<Row>(rows: Row[], limit: number, keyOf: (row: Row) => string | number): Page<Row> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page, nextCursor: rows.length > limit && last !== undefined ? String(keyOf(last)) : null };
}

/** What the cursors of a list are: ids of a kind, or sequence numbers. */
export type CursorKind = IdKind | 'sequence';

/** @throws GatewayError `invalid_input` for anything that no list of this kind hands out */
export function checkCursor(kind: CursorKind, cursor: string): string {
  const isOurs = kind === 'sequence' ? /^\d{1,15}$/.test(cursor) : isId(kind, cursor);
  if (!isOurs) throw invalidField('cursor', 'is not a cursor of this list');
  return cursor;
}
