import { IconArrowsSort } from '@tabler/icons-react';
import type { JobSort } from '../../api/types';
import classes from './FilterBar.module.css';
import { SORTS } from './filter';

type Props = { sort: JobSort | undefined; onChange: (sort: JobSort) => void };

/** The order of the list, where not all of its columns have the room for a heading that sorts. */
export function OrderMenu({ sort = '-created_at', onChange }: Props) {
  return (
    <span className={classes.order} title="Order">
      <IconArrowsSort size={16} aria-hidden="true" />
      <select aria-label="Order" value={sort} onChange={event => onChange(event.currentTarget.value as JobSort)}>
        {SORTS.map(({ sort: one, label }) => (
          <option key={one} value={one}>
            {label}
          </option>
        ))}
      </select>
    </span>
  );
}
