import { useBlocker } from '@tanstack/react-router';

/** Keeps somebody on the page, also from going back, while there is what is shown only once or is about to be. */
export function useStay(isNeeded: boolean): void {
  useBlocker({ shouldBlockFn: () => true, enableBeforeUnload: true, disabled: !isNeeded });
}
