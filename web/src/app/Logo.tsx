import { Group } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import classes from './Logo.module.css';

/** The name, beside the bar that it stands for. */
export function Logo() {
  return (
    <Link to="/" className={classes.logo} aria-label="Milepost, start page">
      <Group gap={9} wrap="nowrap" component="span">
        <svg viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">
          <rect className={classes.done} width="12" height="12" rx="2" />
          <rect className={classes.done} x="14" width="8" height="12" rx="2" />
          <rect className={classes.ahead} x="24" width="6" height="12" rx="2" />
        </svg>
        Milepost
      </Group>
    </Link>
  );
}
