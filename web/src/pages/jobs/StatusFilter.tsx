import { UnstyledButton } from '@mantine/core';
import type { JobStatus } from '../../api/types';
import { StatusShape, statusWord } from '../../components/Status';
import classes from './FilterBar.module.css';
import { STATUSES } from './filter';

type Props = { statuses: JobStatus[] | undefined; onChange: (statuses: JobStatus[]) => void };

/** One status or several; none pressed is all. */
export function StatusFilter({ statuses = [], onChange }: Props) {
  const toggle = (status: JobStatus) =>
    onChange(statuses.includes(status) ? statuses.filter(one => one !== status) : [...statuses, status]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset has a border and a legend that there is no room for
    <div className={classes.statuses} role="group" aria-label="Status">
      {STATUSES.map(status => (
        <UnstyledButton
          key={status}
          className={classes.status}
          aria-pressed={statuses.includes(status)}
          onClick={() => toggle(status)}
        >
          <StatusShape status={status} />
          {statusWord(status)}
        </UnstyledButton>
      ))}
    </div>
  );
}
