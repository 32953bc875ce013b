import { useEffect, useRef } from 'react';
import { useLiveEvents } from '../../live/LiveProvider';
import { atMostEvery } from './pace';

/** Acts when events come, at most once in every `pause` milliseconds. */
export function useOnEvents(pause: number, act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  const paced = useRef<ReturnType<typeof atMostEvery>>(undefined);
  useEffect(() => {
    const own = atMostEvery(pause, () => latest.current());
    paced.current = own;
    return own.stop;
  }, [pause]);
  useLiveEvents(() => paced.current?.call());
}
