import { VisuallyHidden } from '@mantine/core';
import { StatusShape } from '../../components/Status';

/** Whether something of a list is done. */
export function Tick({ isDone }: { isDone: boolean }) {
  return (
    <>
      <StatusShape status={isDone ? 'finished' : 'pending'} />
      <VisuallyHidden>{isDone ? 'Done: ' : 'To do: '}</VisuallyHidden>
    </>
  );
}
