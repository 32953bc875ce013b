import { type ReactNode, useEffect, useRef } from 'react';

/** What came of an attempt and must not be missed: it is scrolled to, and read aloud. */
export function Notice({ children }: { children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    place.current?.scrollIntoView({ block: 'center' });
    place.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div ref={place} tabIndex={-1} role="alert">
      {children}
    </div>
  );
}
