import { Button, Table, UnstyledButton } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { Fragment, useId, useState } from 'react';
import type { UsageFigures, UsageReport, UsageRow } from '../../api/types';
import rows from '../../components/rows.module.css';
import { usePhone } from '../../components/usePhone';
import { counted } from '../../model/number';
import { COLUMNS, customerOf, exact, monthName, rowKey } from './figures';
import type { ReportQuestion } from './filter';
import { Proof } from './Proof';
import classes from './Reports.module.css';

type Props = { usage: UsageReport; question: ReportQuestion };

/** So many rows are shown until more are asked for. The totals are those of all. */
const FIRST = 200;

/** What was done, with its sums below; each row opens to the jobs that it is made of. */
export function UsageTable({ usage, question }: Props) {
  const [most, setMost] = useState(FIRST);
  const isPhone = usePhone();
  const shown = usage.items.slice(0, most);
  const hidden = usage.items.length - shown.length;
  const Shown = isPhone ? Cards : Rows;
  return (
    <>
      <Shown items={shown} totals={usage.totals} question={question} />
      {hidden > 0 && (
        <Button variant="default" mt="sm" onClick={() => setMost(most + 10 * FIRST)}>
          Show more: {counted(hidden, 'row')}
        </Button>
      )}
    </>
  );
}

type ShownProps = { items: UsageRow[]; totals: UsageFigures; question: ReportQuestion };

function Rows({ items, totals, question }: ShownProps) {
  return (
    <div className={rows.table}>
      <Table aria-label="Usage">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Customer</Table.Th>
            <Table.Th>Configuration</Table.Th>
            <Table.Th>Month</Table.Th>
            {COLUMNS.map(({ name, label }) => (
              <Table.Th key={name} ta="end">
                {label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map(row => (
            <Row key={rowKey(row)} row={row} question={question} />
          ))}
        </Table.Tbody>
        <Table.Tfoot>
          <Table.Tr className={classes.totals}>
            <Table.Th colSpan={3} scope="row">
              Together
            </Table.Th>
            {COLUMNS.map(({ name }) => (
              <Table.Td key={name} ta="end" data-total={name}>
                {exact(name, totals[name])}
              </Table.Td>
            ))}
          </Table.Tr>
        </Table.Tfoot>
      </Table>
    </div>
  );
}

type RowProps = { row: UsageRow; question: ReportQuestion };

function Row({ row, question }: RowProps) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  return (
    <Fragment>
      <Table.Tr>
        <Table.Td className="breakable">
          <Opener isOpen={isOpen} controls={id} toggle={() => setOpen(!isOpen)} row={row} />
        </Table.Td>
        <Table.Td className="breakable">
          {row.name}
          <div className="quiet mono">{[row.tag, row.version].filter(Boolean).join(' ')}</div>
        </Table.Td>
        <Table.Td className={classes.month}>{monthName(row.month)}</Table.Td>
        {COLUMNS.map(({ name }) => (
          <Table.Td key={name} ta="end">
            {exact(name, row[name])}
          </Table.Td>
        ))}
      </Table.Tr>
      {isOpen && (
        <Table.Tr id={id}>
          <Table.Td colSpan={3 + COLUMNS.length} className={classes.proof}>
            <Proof row={row} question={question} />
          </Table.Td>
        </Table.Tr>
      )}
    </Fragment>
  );
}

function Cards({ items, totals, question }: ShownProps) {
  return (
    <ul className={rows.cards} aria-label="Usage">
      {items.map(row => (
        <Card key={rowKey(row)} row={row} question={question} />
      ))}
      <li className={`${rows.card} ${classes.totals}`}>
        <b>Together</b>
        <Figures figures={totals} isTotal />
      </li>
    </ul>
  );
}

function Card({ row, question }: RowProps) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  return (
    <li className={rows.card}>
      <Opener isOpen={isOpen} controls={id} toggle={() => setOpen(!isOpen)} row={row} />
      <div className="quiet breakable">
        {[row.name, row.version, monthName(row.month)].filter(Boolean).join(' · ')}
      </div>
      <Figures figures={row} />
      {isOpen && (
        <div id={id} className={classes.proof}>
          <Proof row={row} question={question} />
        </div>
      )}
    </li>
  );
}

function Figures({ figures, isTotal = false }: { figures: UsageFigures; isTotal?: boolean }) {
  return (
    <dl className={classes.figures}>
      {COLUMNS.map(({ name, label }) => (
        <div key={name}>
          <dt>{label}</dt>
          <dd data-total={isTotal ? name : undefined}>{exact(name, figures[name])}</dd>
        </div>
      ))}
    </dl>
  );
}

type OpenerProps = { isOpen: boolean; controls: string; toggle: () => void; row: UsageRow };

/** Whose work it was; opens the jobs behind it. */
function Opener({ isOpen, controls, toggle, row }: OpenerProps) {
  return (
    <UnstyledButton
      className={classes.opener}
      aria-expanded={isOpen}
      aria-controls={isOpen ? controls : undefined}
      aria-label={`${[customerOf(row), row.name, row.version, monthName(row.month)].filter(Boolean).join(', ')}: the jobs behind it`}
      onClick={toggle}
    >
      <IconChevronRight size={14} className={classes.chevron} data-open={isOpen || undefined} aria-hidden="true" />
      {customerOf(row)}
    </UnstyledButton>
  );
}
