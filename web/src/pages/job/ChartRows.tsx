import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { duration } from '../../model/time';
import { type Chart, describeRow, type Row, shares, ticks } from './gantt';
import classes from './TimeChart.module.css';

/** Of a bar that takes less of the width, in per cent, no beginning can be told apart. */
const THIN = 4;

type Props = { chart: Chart; most: number; onShow: (tag: string | null) => void };

/** The bars, one row for each step. One of them can be reached by tab, the others by the arrow keys from it. */
export function ChartRows({ chart, most, onShow }: Props) {
  const rows = useRef<HTMLDivElement>(null);
  const current = chart.rows.findLastIndex(row => row.bar !== null);
  const [reached, reach] = useState<number | null>(null);
  const stop = Math.max(0, reached ?? current);
  useEffect(() => showCurrent(rows.current), []);

  const move = (event: KeyboardEvent<HTMLDivElement>) => {
    const target = { ArrowDown: stop + 1, ArrowUp: stop - 1, Home: 0, End: chart.rows.length - 1 }[event.key];
    const button = target === undefined ? undefined : rows.current?.querySelectorAll('button')[target];
    if (button !== undefined) {
      event.preventDefault();
      button.focus();
    }
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys move between the buttons inside
    <div className={classes.rows} ref={rows} onKeyDown={move} onPointerLeave={() => onShow(null)}>
      <div className={classes.all}>
        <Backdrop chart={chart} most={most} />
        {chart.rows.map((row, index) => (
          <button
            key={row.step.tag}
            type="button"
            className={classes.row}
            data-status={row.step.status}
            tabIndex={index === stop ? 0 : -1}
            aria-label={`${row.step.name}: ${describeRow(row)}`}
            onPointerEnter={() => onShow(row.step.tag)}
            onFocus={() => {
              reach(index);
              onShow(row.step.tag);
            }}
            onBlur={() => onShow(null)}
          >
            <span className={classes.label}>{row.step.name}</span>
            <span className={classes.lane}>
              <Bar row={row} chart={chart} />
            </span>
          </button>
        ))}
      </div>
    </div>
  );
}

/** The lines of the axis and the gaps, behind all rows. */
function Backdrop({ chart, most }: { chart: Chart; most: number }) {
  const span = chart.to - chart.from;
  return (
    <div className={classes.backdrop} aria-hidden="true">
      <div className={classes.plot}>
        {ticks(span, most).map(tick => (
          <span key={tick.at} className={classes.line} style={{ left: `${(tick.at / span) * 100}%` }} />
        ))}
        {chart.gaps.map(gap => {
          const { left, width } = shares(chart, gap);
          return (
            <span key={gap.from} className={classes.gap} style={{ left: `${left}%`, width: `${width}%` }}>
              {width > 14 && <span className={classes.gapLabel}>{duration(gap.to - gap.from)}</span>}
            </span>
          );
        })}
        {chart.errors.map(at => (
          <span
            key={at}
            className={classes.jobError}
            style={{ left: `${shares(chart, { from: at, to: at }).left}%` }}
          />
        ))}
      </div>
    </div>
  );
}

function Bar({ row, chart }: { row: Row; chart: Chart }) {
  if (row.bar === null) {
    return null;
  }
  const { left, width } = shares(chart, row.bar);
  return (
    <>
      <span
        className={classes.bar}
        data-status={row.step.status}
        data-inferred={row.step.started_at_inferred || undefined}
        data-open={row.bar.isOpen || undefined}
        data-thin={width < THIN || undefined}
        style={{ left: `min(${left}%, calc(100% - 3px))`, width: `${width}%` }}
      />
      {row.errors.map(at => (
        <svg
          key={at}
          className={classes.error}
          viewBox="0 0 10 10"
          aria-hidden="true"
          style={{ left: `${shares(chart, { from: at, to: at }).left}%` }}
        >
          <path d="M5 .6 9.6 9.4H.4z" />
        </svg>
      ))}
    </>
  );
}

/** Of hundreds of rows the one that is under way is what one wants to see first. */
function showCurrent(rows: HTMLDivElement | null): void {
  const button = rows?.querySelector<HTMLElement>('button[tabindex="0"]');
  if (rows && button && rows.scrollHeight > rows.clientHeight) {
    rows.scrollTop = button.offsetTop - rows.clientHeight / 2;
  }
}
