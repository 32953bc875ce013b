import { Alert } from '@mantine/core';
import { StatusShape } from './Status';

/** What is wrong with a form as a whole. What is wrong with a field stands at the field. */
export function FormProblem({ children }: { children: string | null | undefined }) {
  if (!children) {
    return null;
  }
  return (
    <Alert
      color="red"
      variant="outline"
      role="alert"
      p="xs"
      styles={{ icon: { marginInlineEnd: 8 } }}
      icon={<StatusShape status="error" />}
      className="breakable"
    >
      <span style={{ whiteSpace: 'pre-line' }}>{children}</span>
    </Alert>
  );
}
