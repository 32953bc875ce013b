import type { InputHTMLAttributes } from 'react';
import type { Problem } from './check';
import { shownValue } from './draft';
import classes from './Form.module.css';

type Props = Omit<InputHTMLAttributes<HTMLInputElement>, 'value' | 'onChange'> & {
  label: string;
  value: unknown;
  pointer: string;
  problem: Problem | undefined;
  onType: (text: string) => void;
};

/** A plain input: hundreds of them stay quick. Its column's head labels it for the eye. */
export function TextCell({ label, value, pointer, problem, onType, ...rest }: Props) {
  return (
    <label className={classes.cell}>
      <span className={classes.cellLabel}>{label}</span>
      <input
        className={classes.input}
        autoComplete="off"
        spellCheck={false}
        value={shownValue(value)}
        data-pointer={pointer}
        aria-invalid={problem !== undefined}
        aria-describedby={problem && messageId(pointer)}
        onChange={event => onType(event.currentTarget.value)}
        {...rest}
      />
      {problem && (
        <span className={classes.message} id={messageId(pointer)}>
          {problem.message}
        </span>
      )}
    </label>
  );
}

export function messageId(pointer: string): string {
  return `problem${pointer.replaceAll(/[^\w]/g, '-')}`;
}
