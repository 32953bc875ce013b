import type { ReactNode } from 'react';
import classes from './Charts.module.css';

/** A row of a chart of bars that lie: solid up to one value, thin from there to another. */
export type BarRow = {
  key: string;
  label: string;
  /** What stands below the label, quietly. */
  under?: ReactNode;
  solid: number | null;
  reach?: number | null;
  /** The value in words. */
  told: string;
  /** More of it, quietly. */
  aside?: string;
};

type Props = {
  label: string;
  rows: BarRow[];
  top: number;
  tone?: 'usual' | 'error';
  /** The row that is looked at more closely, and how another becomes so. */
  chosen?: string | undefined;
  onChoose?: ((key: string) => void) | undefined;
};

/** Bars that lie, each with its name and its value: for what is compared rather than followed. */
export function Rows({ label, rows, top, tone = 'usual', chosen, onChoose }: Props) {
  return (
    <ul className={classes.rows} data-tone={tone} aria-label={label}>
      {rows.map(row => (
        <li
          key={row.key}
          data-chosen={row.key === chosen || undefined}
          data-choosable={onChoose !== undefined || undefined}
        >
          {onChoose === undefined ? (
            <span className={`${classes.rowLabel} breakable`}>{row.label}</span>
          ) : (
            <button
              type="button"
              className={`${classes.rowLabel} ${classes.choose} breakable`}
              aria-pressed={row.key === chosen}
              onClick={() => onChoose(row.key)}
            >
              {row.label}
            </button>
          )}
          <span className={classes.rowValue}>
            {row.told}
            {row.aside !== undefined && <span className="quiet"> {row.aside}</span>}
          </span>
          <span className={classes.lane} aria-hidden="true">
            {row.reach != null && <i className={classes.reach} style={{ width: share(row.reach, top) }} />}
            {row.solid !== null && <i className={classes.solid} style={{ width: share(row.solid, top) }} />}
          </span>
          {row.under !== undefined && <span className={`${classes.rowUnder} breakable`}>{row.under}</span>}
        </li>
      ))}
    </ul>
  );
}

function share(value: number, top: number): string {
  return `${top > 0 ? Math.min(100, (value / top) * 100) : 0}%`;
}
