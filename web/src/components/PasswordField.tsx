import { PasswordInput, type PasswordInputProps } from '@mantine/core';

/** A password that can be shown while it is typed, and says to everybody when it is not accepted. */
export function PasswordField(props: PasswordInputProps) {
  return (
    <PasswordInput
      required
      withAsterisk={false}
      visibilityToggleFocusable
      visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
      aria-invalid={props.error ? true : undefined}
      {...props}
    />
  );
}
