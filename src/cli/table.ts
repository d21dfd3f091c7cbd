// A table for people: columns as wide as they need to be, plain characters only.

type Cell = string | number | null | undefined;

/** Rows of cells under a heading; empty cells are shown as `-`. */
export function table(heading: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = [heading, ...rows].map((row) => row.map(toCell));
  const widths = heading.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What people typed in may hold characters that move a terminal's cursor. */
function toCell(value: Cell): string {
  if (value === null || value === undefined || value === '') return '-';
  return String(value).replace(/\p{C}/gu, '?');
}
