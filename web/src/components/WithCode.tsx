import { createElement, Fragment } from 'react';

/** A sentence in which what stands between backticks is code. */
export function WithCode({ children }: { children: string }) {
  const parts = children
    .split('`')
    .map((part, place) => (place % 2 === 1 ? createElement('code', { className: 'mono' }, part) : part));
  return createElement(Fragment, null, ...parts);
}
