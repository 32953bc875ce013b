import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type RefObject, useEffect, useLayoutEffect, useState } from 'react';
import type { JobListItem } from '../../api/types';

/** Rows beyond the edges of the window: enough for a fast wheel, and for the browser's own search nearby. */
const OVERSCAN = 12;

type Options = {
  rows: JobListItem[];
  /** The height of a row, in the size of the root's text: what somebody enlarges grows as a whole. */
  rem: number;
  body: RefObject<HTMLElement | null>;
  /** Told which row is the last in sight. */
  onRange: (last: number) => void;
};

/** The rows that are in sight or near it; the window scrolls, so that going back comes to the same place. */
export function useWindowRows({ rows, rem, body, onRange }: Options) {
  const [top, setTop] = useState(0);
  const [size] = useState(() => rem * Number.parseFloat(getComputedStyle(document.documentElement).fontSize));
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => size,
    overscan: OVERSCAN,
    scrollMargin: top,
    getItemKey: index => rows[index]?.id ?? index,
  });
  // What stands above the rows may wrap, come and go.
  useLayoutEffect(() => {
    const measure = () => setTop(Math.round((body.current?.getBoundingClientRect().top ?? 0) + scrollY));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, [body]);
  const items = virtualizer.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  // biome-ignore lint/correctness/useExhaustiveDependencies: told again when rows were added at the end
  useEffect(() => onRange(last), [last, rows.length]);
  return {
    height: virtualizer.getTotalSize(),
    size,
    items: items.flatMap(({ index, start }) => {
      const job = rows[index];
      return job === undefined ? [] : [{ job, index, top: start - top }];
    }),
  };
}
