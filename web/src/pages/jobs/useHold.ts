import { type RefObject, useEffect, useState } from 'react';

/** How long after its last move a pointer over the list still counts as reading it. */
const READING = 4_000;
/** How far down still counts as the top. */
const TOP = 40;

/**
 * Whether somebody is reading the list: they have scrolled down, point at it, or have the keyboard's focus in it. Then
 * nothing may move under their eyes.
 */
export function useHold(list: RefObject<HTMLElement | null>): boolean {
  const [isHeld, setHeld] = useState(false);
  useEffect(() => {
    let pointedAt = Number.NEGATIVE_INFINITY;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      const pause = pointedAt + READING - Date.now();
      timer = pause > 0 ? setTimeout(look, pause) : undefined;
      const hasFocus = list.current?.querySelector(':focus-visible') != null;
      setHeld(scrollY > TOP || pause > 0 || hasFocus);
    };
    const onMove = (event: PointerEvent) => {
      const isInside = event.target instanceof Node && list.current?.contains(event.target);
      if (isInside || pointedAt > 0) {
        pointedAt = isInside ? Date.now() : Number.NEGATIVE_INFINITY;
        look();
      }
    };
    const events = ['scroll', 'focusin', 'focusout'] as const;
    document.addEventListener('pointermove', onMove, { passive: true });
    for (const event of events) {
      document.addEventListener(event, look, { passive: true });
    }
    look();
    return () => {
      clearTimeout(timer);
      document.removeEventListener('pointermove', onMove);
      for (const event of events) {
        document.removeEventListener(event, look);
      }
    };
  }, [list]);
  return isHeld;
}
