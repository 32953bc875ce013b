import { Text } from '@mantine/core';
import classes from './ForgottenPassword.module.css';

/** Milepost sends no e-mail: who runs the server helps. */
export function ForgottenPassword() {
  return (
    <Text size="sm" c="var(--quiet)">
      Forgotten your password? Ask whoever runs this server: they set a new one with{' '}
      <span className={classes.command}>milepost user set-password</span>.
    </Text>
  );
}
