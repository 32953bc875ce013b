// biome-ignore-all lint/a11y/useSemanticElements: rows of a real table cannot be placed by themselves, and lose their roles
// biome-ignore-all lint/a11y/useFocusableInteractive: rows and cells of a table that is only read take no focus
// biome-ignore-all lint/a11y/useKeyWithClickEvents: the link within a row takes the keyboard
import { UnstyledButton } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconSelector } from '@tabler/icons-react';
import { type ReactNode, useRef } from 'react';
import type { JobFilter } from '../../api/queries';
import type { JobListItem } from '../../api/types';
import type { OnFilter } from './FilterBar';
import { ariaSort, nextSort, type SortColumn, withSort } from './filter';
import { JobRow } from './JobRow';
import classes from './JobTable.module.css';
import { useWindowRows } from './useWindowRows';

const ROW_REM = 3.5;

type Props = {
  rows: JobListItem[];
  isComplete: boolean;
  isProvider: boolean;
  filter: JobFilter;
  onChange: OnFilter;
  onRange: (last: number) => void;
};

/** The jobs as a table. Only the rows in sight exist, so their roles and numbers are said explicitly. */
export function JobTable({ rows, isComplete, isProvider, filter, onChange, onRange }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const { items, height, size } = useWindowRows({ rows, rem: ROW_REM, body, onRange });
  const sorting = (column: SortColumn) => ({
    order: ariaSort(filter, column),
    onSort: () => onChange(withSort(filter, nextSort(filter, column))),
  });
  return (
    <div className={classes.frame}>
      <div
        className={classes.table}
        role="table"
        aria-label="Jobs"
        aria-rowcount={isComplete ? rows.length + 1 : -1}
        data-sort={(filter.sort ?? '').replace('-', '')}
      >
        <div role="rowgroup" className={classes.head}>
          <div role="row" className={classes.row} aria-rowindex={1}>
            <Heading>Status</Heading>
            <Heading>Job</Heading>
            <Heading>Progress</Heading>
            <Heading>Last news</Heading>
            <Heading className={classes.opened} {...sorting('created_at')}>
              Opened
            </Heading>
            <Heading className={classes.started} {...sorting('started_at')}>
              Started
            </Heading>
            <Heading className={classes.finished} {...sorting('finished_at')}>
              Finished
            </Heading>
            <Heading>Duration</Heading>
            <Heading>{isProvider ? 'Customer' : 'Provider'}</Heading>
          </div>
        </div>
        <div role="rowgroup" ref={body} className={classes.body} style={{ height }}>
          {items.map(({ job, index, top }) => (
            <JobRow key={job.id} job={job} index={index} top={top} height={size} isProvider={isProvider} />
          ))}
        </div>
      </div>
    </div>
  );
}

type HeadingProps = {
  children: ReactNode;
  className?: string | undefined;
  order?: 'ascending' | 'descending' | 'none';
  onSort?: () => void;
};

function Heading({ children, className, order, onSort }: HeadingProps) {
  if (order === undefined) {
    return (
      <div role="columnheader" className={className}>
        {children}
      </div>
    );
  }
  const Arrow = { ascending: IconArrowUp, descending: IconArrowDown, none: IconSelector }[order];
  return (
    <div role="columnheader" className={className} aria-sort={order}>
      <UnstyledButton className={classes.sorting} onClick={onSort}>
        {children}
        <Arrow size={14} aria-hidden="true" />
      </UnstyledButton>
    </div>
  );
}
