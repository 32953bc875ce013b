import { type CSSProperties, memo, useMemo } from 'react';
import type { JobStatus, StepBrief } from '../api/types';
import classes from './SegmentedBar.module.css';
import { type BarSize, describeBar, MOST_SEGMENTS, type Segment, segments, wholeJob } from './segments';

type Props = {
  steps: StepBrief[];
  progress: number | null;
  /** How the job is: what there is to show of one without steps. */
  status?: JobStatus;
  /** How much room it has: in a row of a list, or as the heading of a job. */
  size?: BarSize;
};

/** One segment for each step, as wide as its points, filled by its state and fraction: Milepost's signature. */
export const SegmentedBar = memo(function SegmentedBar({ steps, progress, status, size = 'row' }: Props) {
  const parts = useMemo(() => {
    const inferred = progress === 1 ? 'completed' : 'pending';
    return steps.length === 0 ? wholeJob(status ?? inferred) : segments(steps, MOST_SEGMENTS[size]);
  }, [steps, progress, status, size]);
  const count = { '--count': parts.length } as CSSProperties;
  return (
    <div
      className={classes.bar}
      data-size={size}
      data-settled={(status === 'completed' && size !== 'heading') || undefined}
      style={count}
      role="img"
      aria-label={describeBar(steps, progress)}
    >
      {parts.map(part => (
        <BarSegment key={part.key} part={part} />
      ))}
    </div>
  );
});

function BarSegment({ part: { label, share, status, filled } }: { part: Segment }) {
  // An even part of the smallest width first, so that a step without points is still there to be seen.
  const style = { flexGrow: share, '--filled': `${filled * 100}%` } as CSSProperties;
  return (
    <div className={classes.segment} data-status={status} title={label} style={style}>
      {filled > 0 && <div className={classes.fill} />}
      {status === 'error' && (
        <svg className={classes.broken} viewBox="0 0 12 12" aria-hidden="true">
          <path className={classes.halo} d="M2.5 2.5l7 7m0-7l-7 7" />
          <path d="M2.5 2.5l7 7m0-7l-7 7" />
        </svg>
      )}
    </div>
  );
}
