import type { ButtonHTMLAttributes, ReactNode } from 'react';
import classes from './Form.module.css';

type Props = ButtonHTMLAttributes<HTMLButtonElement> & { label: string; children: ReactNode };

/** A small button in a row. */
export function RowButton({ label, children, ...rest }: Props) {
  return (
    <button type="button" className={classes.button} aria-label={label} title={label} {...rest}>
      {children}
    </button>
  );
}
