import { Table, UnstyledButton } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconSelector } from '@tabler/icons-react';
import { useState } from 'react';
import { readable } from '../../model/number';
import classes from './Charts.module.css';
import { type Cell, type DataTable, numberColumns, type Order, sortRows } from './table';

/** A table of numbers, which its headings sort. */
export function DataRows({ table, label }: { table: DataTable; label: string }) {
  const [order, setOrder] = useState<Order | null>(null);
  const isNumber = numberColumns(table);
  const sort = (column: number) =>
    setOrder(old => ({
      column,
      isDescending: old?.column === column ? !old.isDescending : isNumber[column] === true,
    }));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section className={classes.scroll} tabIndex={0} aria-label={label}>
      <Table fz="xs" horizontalSpacing={8} verticalSpacing={3}>
        <Table.Thead>
          <Table.Tr>
            {table.columns.map((column, index) => {
              const sorted = order?.column === index ? (order.isDescending ? 'descending' : 'ascending') : 'none';
              const Arrow = { ascending: IconArrowUp, descending: IconArrowDown, none: IconSelector }[sorted];
              return (
                <Table.Th key={column} aria-sort={sorted} className={isNumber[index] ? classes.number : undefined}>
                  <UnstyledButton className={classes.sorting} onClick={() => sort(index)}>
                    {column}
                    <Arrow size={12} aria-hidden="true" />
                  </UnstyledButton>
                </Table.Th>
              );
            })}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {sortRows(table.rows, order).map((row, line) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other identity
            <Table.Tr key={line}>
              {row.map((cell, index) => (
                <Table.Td key={table.columns[index]} className={isNumber[index] ? classes.number : undefined}>
                  {told(cell)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}

function told(cell: Cell): string {
  return cell === null ? '–' : typeof cell === 'number' ? readable(cell) : cell;
}
