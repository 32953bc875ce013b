import { useEffect, useRef, useState } from 'react';
import type { JobStatus } from '../../api/types';

/** How long the moment lasts: as the sweep in JobHeading.module.css. */
const MOMENT = 1_600;

/** True for one calm moment when a job completes while somebody watches. */
export function useCelebration(status: JobStatus): boolean {
  const before = useRef(status);
  const [isCelebrating, setCelebrating] = useState(false);
  useEffect(() => {
    const hasCompleted = status === 'completed' && before.current !== 'completed';
    before.current = status;
    setCelebrating(hasCompleted);
    if (!hasCompleted) {
      return undefined;
    }
    const timer = setTimeout(() => setCelebrating(false), MOMENT);
    return () => clearTimeout(timer);
  }, [status]);
  return isCelebrating;
}
