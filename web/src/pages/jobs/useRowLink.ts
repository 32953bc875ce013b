import type { MouseEvent } from 'react';

/**
 * Makes what stands above the link of a row, to be pointed at, a part of the link: a click there is one on the link,
 * with the keys that were held; the middle button opens a tab.
 */
export function useRowLink() {
  return { onClick: passOn, onAuxClick: passOn };
}

function passOn(event: MouseEvent<HTMLElement>): void {
  const target = event.target as Element;
  const isMiddle = event.type === 'auxclick' && event.button === 1;
  const isOwn = target.closest('a, button') !== null;
  if (isOwn || event.button > 1 || String(getSelection()) !== '') {
    return;
  }
  const { shiftKey } = event;
  const opensTab = isMiddle || event.ctrlKey || event.metaKey;
  event.preventDefault();
  event.currentTarget.querySelector('a')?.dispatchEvent(
    new globalThis.MouseEvent('click', {
      bubbles: true,
      cancelable: true,
      shiftKey,
      ctrlKey: opensTab,
      metaKey: opensTab,
    }),
  );
}
