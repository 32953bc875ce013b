import { useElementSize } from '@mantine/hooks';
import { useMemo, useState } from 'react';
import type { Event, JobDetail } from '../../api/types';
import { clockTime } from '../../model/instant';
import { duration, exactTime } from '../../model/time';
import { ChartRows } from './ChartRows';
import { ChartTable } from './ChartTable';
import { type Chart, describeRow, layOut, type Row, summarize, ticks, untilItMoves } from './gantt';
import pageClasses from './JobPage.module.css';
import classes from './TimeChart.module.css';
import { useClock } from './useClock';

/** How wide the label of a tick may be, in pixels. */
const TICK = 68;

/** The steps in the job's time, with the gaps between them. */
export function TimeChart({ job, errors }: { job: JobDetail; errors: Event[] }) {
  const begun = job.started_at === null ? null : Date.parse(job.started_at);
  const pause = job.status === 'running' && begun !== null ? untilItMoves(Date.now() - begun) : null;
  const now = useClock(pause === null ? null : 2 ** Math.round(Math.log2(pause)));
  const chart = useMemo(() => layOut(job, errors, now.getTime()), [job, errors, now]);
  if (job.steps.length === 0) {
    return null;
  }
  return (
    <section className={`${pageClasses.panel} ${classes.panel}`} aria-labelledby="time">
      <div className={pageClasses.panelHead}>
        <h2 id="time">Time</h2>
        {chart !== null && (
          <span className={pageClasses.note} title={exactTime(new Date(chart.from))}>
            from {clockTime(new Date(chart.from), now)}, {duration(chart.to - chart.from)}
            {chart.isOpen && ' so far'}
          </span>
        )}
      </div>
      {chart === null ? <p className="quiet">Nothing has begun yet.</p> : <Plot chart={chart} />}
    </section>
  );
}

function Plot({ chart }: { chart: Chart }) {
  const { ref, width } = useElementSize();
  const [shown, show] = useState<string | null>(null);
  const span = chart.to - chart.from;
  const row = chart.rows.find(known => known.step.tag === shown);
  return (
    <>
      <div className={classes.chart}>
        <div className={classes.axis} aria-hidden="true">
          <div ref={ref} className={classes.scale}>
            {ticks(span, width === 0 ? 4 : width / TICK).map(tick => (
              <span
                key={tick.at}
                className={classes.tick}
                data-end={tick.at > span * 0.88 || undefined}
                style={{ left: `${(tick.at / span) * 100}%` }}
              >
                {tick.label}
              </span>
            ))}
          </div>
        </div>
        <ChartRows chart={chart} most={width === 0 ? 4 : width / TICK} onShow={show} />
      </div>
      <p className={classes.readout}>{row === undefined ? summarize(chart) : <Readout row={row} />}</p>
      <ChartTable chart={chart} />
    </>
  );
}

function Readout({ row }: { row: Row }) {
  return (
    <>
      <b>{row.step.name}</b>: {describeRow(row)}
    </>
  );
}
