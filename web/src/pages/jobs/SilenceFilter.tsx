import { UnstyledButton } from '@mantine/core';
import { SilenceShape } from '../../components/Silence';
import classes from './FilterBar.module.css';

type Props = { silent: boolean | undefined; onChange: (silent: boolean | undefined) => void };

/** Those only that are silent. */
export function SilenceFilter({ silent, onChange }: Props) {
  return (
    <div className={classes.silence}>
      <UnstyledButton
        className={classes.status}
        aria-pressed={silent === true}
        title="Running, and nothing has come for longer than usual"
        onClick={() => onChange(silent === true ? undefined : true)}
      >
        <SilenceShape />
        Silent
      </UnstyledButton>
    </div>
  );
}
