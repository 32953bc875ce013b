import { VisuallyHidden } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { Job } from '../../api/types';
import { announcement, type Said } from './announce';

/** Says aloud, politely and not too often, how a job goes on. */
export function Announcer({ job }: { job: Job }) {
  const [words, setWords] = useState('');
  const said = useRef<Said>(asSaid(job));
  useEffect(() => {
    const next = announcement(said.current, job, Date.now());
    if (next !== null) {
      said.current = asSaid(job);
      setWords(next);
    }
  }, [job]);
  return (
    <VisuallyHidden role="status" aria-live="polite">
      {words}
    </VisuallyHidden>
  );
}

function asSaid({ status, progress, silent_since }: Job): Said {
  return { status, progress, isSilent: silent_since !== null, at: Date.now() };
}
