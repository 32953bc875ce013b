import { Table } from '@mantine/core';
import { useState } from 'react';
import { duration, exactTime } from '../../model/time';
import type { Chart } from './gantt';
import classes from './TimeChart.module.css';

/** The same as the chart, in words and numbers. */
export function ChartTable({ chart }: { chart: Chart }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className={classes.details} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {isOpen && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        <section className={classes.table} tabIndex={0} aria-label="The time of the steps as a table">
          <Table fz="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Step</Table.Th>
                <Table.Th>Start</Table.Th>
                <Table.Th>End</Table.Th>
                <Table.Th>Duration</Table.Th>
                <Table.Th>Gap before</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {chart.rows.map(({ step, bar, gapBefore }) => (
                <Table.Tr key={step.tag}>
                  <Table.Td>{step.name}</Table.Td>
                  <Table.Td>
                    {bar === null ? '–' : exactTime(new Date(bar.from))}
                    {step.started_at_inferred && ' (inferred)'}
                  </Table.Td>
                  <Table.Td>{bar === null ? '–' : bar.isOpen ? 'under way' : exactTime(new Date(bar.to))}</Table.Td>
                  <Table.Td>{bar === null ? '–' : duration(bar.to - bar.from)}</Table.Td>
                  <Table.Td>{gapBefore > 0 ? duration(gapBefore) : '–'}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </section>
      )}
    </details>
  );
}
