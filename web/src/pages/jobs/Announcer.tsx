import { VisuallyHidden } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { JobListItem } from '../../api/types';
import { useLiveEvents } from '../../live/LiveProvider';
import { announcement, type Endings, noteEnding } from './announce';

/** How long endings are gathered into one announcement. */
const GATHERING = 2_000;

/** Tells a screen reader which of the listed jobs are done or have failed; nothing else is worth interrupting for. */
export function Announcer({ rows }: { rows: JobListItem[] }) {
  const [said, setSaid] = useState('');
  const endings = useRef<Endings>(new Map());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useLiveEvents((event, job) => {
    if (!rows.some(row => row.id === job.id)) {
      return;
    }
    noteEnding(endings.current, event, job);
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      setSaid(announcement(endings.current));
      endings.current.clear();
    }, GATHERING);
  });
  return (
    <VisuallyHidden role="status" aria-live="polite">
      {said}
    </VisuallyHidden>
  );
}
