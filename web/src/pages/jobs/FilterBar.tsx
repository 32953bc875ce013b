import { Button, CloseButton, Collapse, Group, TextInput } from '@mantine/core';
import { useDebouncedCallback, useDisclosure } from '@mantine/hooks';
import { IconAdjustmentsHorizontal, IconSearch, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import type { JobFilter } from '../../api/queries';
import { PeriodFilter } from '../../components/PeriodFilter';
import { CustomerFilter } from './CustomerFilter';
import classes from './FilterBar.module.css';
import { countFilters, isFiltered, withChange, withSort } from './filter';
import { OrderMenu } from './OrderMenu';
import { RareFilters } from './RareFilters';
import { SilenceFilter } from './SilenceFilter';
import { StatusFilter } from './StatusFilter';
import { TagFilter } from './TagFilter';

/** Changes the filter in the address; `isSameStep` without a new step in the history. */
export type OnFilter = (filter: JobFilter, isSameStep?: boolean) => void;

type Props = { filter: JobFilter; onChange: OnFilter; isProvider: boolean };

/** Everything that says which jobs are listed, and in which order. */
export function FilterBar({ filter, onChange, isProvider }: Props) {
  const [isOpen, { toggle }] = useDisclosure(false);
  const change = (part: Partial<JobFilter>) => onChange(withChange(filter, part));
  const count = countFilters({ ...filter, text: undefined });
  const controls = (
    <>
      <StatusFilter statuses={filter.status} onChange={status => change({ status })} />
      <SilenceFilter silent={filter.silent} onChange={silent => change({ silent })} />
      <TagFilter tag={filter.tag} onChange={tag => change({ tag, version: undefined })} isProvider={isProvider} />
      {isProvider && <CustomerFilter customer={filter.customer} onChange={customer => change({ customer })} />}
      <PeriodFilter label="Opened" period={filter} onChange={change} />
    </>
  );
  return (
    <search className={classes.bar} aria-label="Jobs">
      <div className={classes.first}>
        <TextSearch filter={filter} onChange={onChange} />
        <OrderMenu sort={filter.sort} onChange={sort => onChange(withSort(filter, sort))} />
        <Button
          className={classes.more}
          variant="default"
          leftSection={<IconAdjustmentsHorizontal size={16} />}
          aria-expanded={isOpen}
          onClick={toggle}
        >
          Filters{count > 0 && ` (${count})`}
        </Button>
        <Group gap="xs" className={classes.wide}>
          {controls}
        </Group>
      </div>
      <Collapse expanded={isOpen} className={classes.narrow}>
        <Group gap="xs">{controls}</Group>
      </Collapse>
      <Group gap="xs" className={classes.last}>
        <RareFilters filter={filter} onChange={change} />
        {isFiltered(filter) && (
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            leftSection={<IconX size={14} />}
            onClick={() => onChange(withSort({}, filter.sort))}
          >
            Clear filters
          </Button>
        )}
      </Group>
    </search>
  );
}

/** Finds jobs by their name or id, a moment after the last letter. */
function TextSearch({ filter, onChange }: Pick<Props, 'filter' | 'onChange'>) {
  const [text, setText] = useState(filter.text ?? '');
  const sent = useRef(filter.text ?? '');
  const send = useDebouncedCallback((next: string) => {
    const trimmed = next.trim();
    if (trimmed !== sent.current) {
      // The first letters are a step to go back from; what follows only refines it.
      const isSameStep = sent.current !== '' && trimmed !== '';
      sent.current = trimmed;
      onChange(withChange(filter, { text: trimmed }), isSameStep);
    }
  }, 250);
  // Back and forward, and the button that clears everything.
  useEffect(() => {
    if ((filter.text ?? '') !== sent.current) {
      sent.current = filter.text ?? '';
      setText(sent.current);
    }
  }, [filter.text]);
  const type = (next: string) => {
    setText(next);
    send(next);
  };
  return (
    <TextInput
      className={classes.search}
      type="search"
      aria-label="Search by name or id"
      placeholder="Name or id"
      maxLength={200}
      leftSection={<IconSearch size={16} />}
      rightSection={text !== '' && <CloseButton size="sm" aria-label="Clear the search" onClick={() => type('')} />}
      value={text}
      onChange={event => type(event.currentTarget.value)}
    />
  );
}
