import { Tooltip } from '@mantine/core';
import { useCallback, useRef, useState, useSyncExternalStore } from 'react';
import { duration, exactTime, relativeTime } from '../model/time';
import { clock } from './clock';

/** When something was, told from now; the exact instant and its zone for whoever points at it. */
export function Time({ at, fallback = '–' }: { at: string | null; fallback?: string }) {
  return at === null ? <span className="quiet">{fallback}</span> : <Instant at={at} />;
}

function Instant({ at }: { at: string }) {
  const time = useRef<HTMLTimeElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [isPointedAt, setPointedAt] = useState(false);
  const told = useTicking(useCallback((now: Date) => relativeTime(new Date(at), now), [at]));
  const point = () => {
    timer.current = setTimeout(() => setPointedAt(true), 250);
  };
  const leave = () => {
    clearTimeout(timer.current);
    setPointedAt(false);
  };
  return (
    <>
      <time ref={time} dateTime={at} onPointerEnter={point} onPointerLeave={leave}>
        {told}
      </time>
      {/* Only where it is wanted: a list has hundreds of times. */}
      {isPointedAt && <Tooltip target={time} label={exactTime(new Date(at))} opened />}
    </>
  );
}

/** How long something took, or has taken so far. */
export function Duration({ from, to }: { from: string | null; to: string | null }) {
  const tell = (now: Date) =>
    from === null ? '–' : duration((to === null ? now : new Date(to)).getTime() - new Date(from).getTime());
  const told = useTicking(useCallback(tell, [from, to]));
  return from === null ? <span className="quiet">{told}</span> : told;
}

/** What is told of the present, drawn anew only when it says something else. */
export function useTicking(tell: (now: Date) => string): string {
  return useSyncExternalStore(clock.subscribe, () => tell(clock.now()));
}
