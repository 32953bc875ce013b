/** What a cell holds; null where there is nothing. */
export type Cell = string | number | null;

/** The numbers of a chart: what it shows, and more exactly. */
export type DataTable = { columns: string[]; rows: Cell[][] };

/** The table as a file: RFC 4180. Texts that a spreadsheet would take for formulas have a `'` before them, as in reports. */
export function toCsv({ columns, rows }: DataTable): string {
  return [columns, ...rows].map(row => `${row.map(csvCell).join(',')}\r\n`).join('');
}

function csvCell(cell: Cell): string {
  if (cell === null) {
    return '';
  }
  if (typeof cell === 'number') {
    return String(cell);
  }
  const text = /^ *[=+\-@\t\r\n\0＝＋－＠]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Which columns hold numbers: they are set to the right. */
export function numberColumns({ columns, rows }: DataTable): boolean[] {
  return columns.map(
    (_, index) =>
      rows.some(row => typeof row[index] === 'number') && rows.every(row => typeof row[index] !== 'string'),
  );
}

/** The name of a file with these words in it. */
export function fileName(words: (string | null | undefined)[], ending: string): string {
  const told = words.flatMap(word => (word ? [word.replaceAll(/[^\p{L}\p{N}.@_-]+/gu, '-')] : []));
  return `${told.join('_')}.${ending}`.replace(/^\.+/, '');
}

export type Order = { column: number; isDescending: boolean };

/** The rows in an order; cells that hold nothing come last in either. */
export function sortRows(rows: readonly Cell[][], order: Order | null): Cell[][] {
  if (order === null) {
    return [...rows];
  }
  const { column, isDescending } = order;
  return [...rows].sort((one, other) => {
    const [a = null, b = null] = [one[column], other[column]];
    if (a === null || b === null) {
      return Number(a === null) - Number(b === null);
    }
    const difference =
      typeof a === 'number' && typeof b === 'number'
        ? a - b
        : String(a).localeCompare(String(b), 'en', { numeric: true });
    return isDescending ? -difference : difference;
  });
}
