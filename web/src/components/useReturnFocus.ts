import { useEffect, useState } from 'react';

/** Gives the focus back when a dialog goes: to what opened it, or to the page where that is gone too. */
export function useReturnFocus(): void {
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      const target = opener?.isConnected ? opener : document.getElementById('content');
      if (target instanceof HTMLElement) {
        target.focus({ preventScroll: true });
      }
    },
    [opener],
  );
}
