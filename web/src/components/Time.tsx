import { Tooltip } from '@mantine/core';
import { useEffect, useState } from 'react';
import { duration, exactTime, relativeTime, untilNextChange } from '../model/time';

/** When something was, told from now; the exact instant and its zone for whoever points at it or reads it aloud. */
export function Time({ at, fallback = '–' }: { at: string | null; fallback?: string }) {
  const now = useNow(at === null ? null : new Date(at));
  if (at === null) {
    return <span className="quiet">{fallback}</span>;
  }
  const date = new Date(at);
  return (
    <Tooltip label={exactTime(date)}>
      <time dateTime={at}>{relativeTime(date, now)}</time>
    </Tooltip>
  );
}

/** How long something took, or has taken so far. */
export function Duration({ from, to }: { from: string | null; to: string | null }) {
  const now = useNow(from === null || to !== null ? null : new Date());
  if (from === null) {
    return <span className="quiet">–</span>;
  }
  return <>{duration((to === null ? now : new Date(to)).getTime() - new Date(from).getTime())}</>;
}

/** The present, as often as what is said of `at` changes; for null it stands still. */
function useNow(at: Date | null): Date {
  const [now, setNow] = useState(() => new Date());
  const pause = at === null ? null : untilNextChange(at, now);
  useEffect(() => {
    if (pause !== null) {
      const timer = setInterval(() => setNow(new Date()), pause);
      return () => clearInterval(timer);
    }
    return undefined;
  }, [pause]);
  return now;
}
