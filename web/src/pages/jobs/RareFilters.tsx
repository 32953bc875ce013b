import { CloseButton } from '@mantine/core';
import type { JobFilter } from '../../api/queries';
import { exactTime } from '../../model/time';
import classes from './FilterBar.module.css';
import { rareFilters } from './filter';

const WORDS = {
  version: 'Version',
  finished_from: 'Finished since',
  last_event_to: 'No news since',
  silent: 'Not silent',
} as const;

/** Filters that another page led here with: one sees them, and can take them away. */
export function RareFilters({
  filter,
  onChange,
}: {
  filter: JobFilter;
  onChange: (part: Partial<JobFilter>) => void;
}) {
  return rareFilters(filter).map(({ name, at }) => {
    const value = at === undefined ? filter[name] : instant(at);
    const label = value === false ? WORDS[name] : `${WORDS[name]} ${value}`;
    return (
      <span key={name} className={classes.rare}>
        {label}
        <CloseButton size="sm" aria-label={`Remove: ${label}`} onClick={() => onChange({ [name]: undefined })} />
      </span>
    );
  });
}

function instant(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : exactTime(date);
}
