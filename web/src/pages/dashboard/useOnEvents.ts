import { useEffect, useRef } from 'react';
import { Batches } from '../../live/batches';
import { useLiveNews } from '../../live/LiveProvider';

/** Acts when events come or jobs are found to be silent while the page is seen, at most once in every `pause` milliseconds. */
export function useOnEvents(pause: number, act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  const paced = useRef<Batches<void>>(undefined);
  useEffect(() => {
    const own = new Batches<void>(pause, () => document.visibilityState === 'visible' && latest.current());
    paced.current = own;
    return () => own.dispose();
  }, [pause]);
  useLiveNews(() => paced.current?.add());
}
