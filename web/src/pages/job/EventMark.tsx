import type { EventKind } from '../../api/types';
import { statusShape } from '../../components/Status';
import classes from './EventMark.module.css';

export const KIND_WORDS: Record<EventKind, string> = {
  step: 'Step finished',
  error: 'Error',
  info: 'Info',
  complete: 'Complete',
};

/** The shape of an event's kind; its word stands beside it. */
export function EventMark({ kind }: { kind: EventKind }) {
  return (
    <svg className={classes.mark} data-kind={kind} viewBox="0 0 16 16" aria-hidden="true">
      {shape(kind)}
    </svg>
  );
}

function shape(kind: EventKind) {
  switch (kind) {
    case 'step':
      return statusShape('finished');
    case 'error':
      return statusShape('error');
    case 'info':
      return <circle cx="8" cy="8" r="3.4" fill="currentColor" />;
    case 'complete':
      return (
        <path
          d="M3.5 1.5v13M3.5 2.5h9.5l-2.6 3.4 2.6 3.4H3.5"
          fill="currentColor"
          stroke="currentColor"
          strokeWidth="1.8"
        />
      );
  }
}
