import { useEffect } from 'react';

/**
 * Gives the focus back to where it was, for a dialog that is drawn only while it is open: Mantine's own return of the
 * focus needs one that stays. Where that is gone the content has it, so that the keyboard goes on from there.
 */
export function useFocusBack(): void {
  useEffect(() => {
    const before = document.activeElement;
    return () => {
      const isThere = before instanceof HTMLElement && before.isConnected && before !== document.body;
      (isThere ? before : document.getElementById('content'))?.focus({ preventScroll: true });
    };
  }, []);
}
