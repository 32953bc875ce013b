import { useEffect, useState } from 'react';

/** The present, again after every `pause` milliseconds; for null it stands still. */
export function useClock(pause: number | null): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    if (pause === null) {
      return undefined;
    }
    setNow(new Date());
    const timer = setInterval(() => setNow(new Date()), pause);
    return () => clearInterval(timer);
  }, [pause]);
  return now;
}
