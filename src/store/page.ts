// Lists by cursor: newest first, by (created_at, id), so that a row that appears meanwhile never shifts a page.
import { and, desc, eq, lt, or, type Column, type SQL } from 'drizzle-orm';
import { GatewayError } from '../errors.ts';

export type Cursor = { createdAt: number; id: string };
export type PageRequest = { limit: number; cursor: Cursor | null };
export type Page<Row> = { rows: Row[]; nextCursor: string | null };

/** The rows that come after the cursor. */
export function afterCursor(cursor: Cursor | null, createdAt: Column, id: Column): SQL | undefined {
  if (cursor === null) return undefined;
  return or(lt(createdAt, cursor.createdAt), and(eq(createdAt, cursor.createdAt), lt(id, cursor.id)));
}

export function newestFirst(createdAt: Column, id: Column): [SQL, SQL] {
  return [desc(createdAt), desc(id)];
}

/** Cuts the one row too many that a query reads to learn whether there is a next page. */
export function toPage<Row extends Cursor>(rows: Row[], limit: number): Page<Row> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last) : null };
}

export function encodeCursor({ createdAt, id }: Cursor): string {
  return Buffer.from(`${createdAt}.${id}`).toString('base64url');
}

/** @throws GatewayError `invalid_input` for anything that no list handed out */
export function decodeCursor(text: string): Cursor {
  const match = /^(\d{1,16})\.([a-z0-9_]{1,64})$/.exec(Buffer.from(text, 'base64url').toString());
  if (match === null) {
    const message = 'is not a cursor of this list';
    throw new GatewayError('invalid_input', {
      message: `cursor: ${message}`,
      fields: [{ path: 'cursor', message }],
    });
  }
  return { createdAt: Number(match[1]), id: match[2] ?? '' };
}
