import { useMemo } from 'react';
import { Copy } from '../../../components/Copy';
import classes from './Snippets.module.css';
import type { Snippet } from './snippets';
import { tokens } from './tokens';

/** A titled piece of code with its copy button. */
export function Code({ title, code, syntax }: Snippet) {
  const parts = useMemo(() => tokens(code, syntax), [code, syntax]);
  return (
    <figure className={classes.figure}>
      <figcaption className={classes.caption}>
        <span>{title}</span>
        <Copy value={code} label={`Copy: ${title}`} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre className={classes.code} tabIndex={0}>
        {parts.map(({ kind, text, at }) => (
          <span key={at} data-kind={kind}>
            {text}
          </span>
        ))}
      </pre>
    </figure>
  );
}
