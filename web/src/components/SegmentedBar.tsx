import { useMemo } from 'react';
import type { StepBrief } from '../api/types';
import classes from './SegmentedBar.module.css';
import { describeBar, segments } from './segments';

type Props = {
  steps: StepBrief[];
  progress: number | null;
  /** How tall it is: in a row of a list, or as the heading of a job. */
  size?: 'row' | 'heading';
};

/** One segment for each step, as wide as its points, filled by its state and fraction: Milepost's signature. */
export function SegmentedBar({ steps, progress, size = 'row' }: Props) {
  const parts = useMemo(() => segments(steps, size === 'heading' ? 160 : undefined), [steps, size]);
  return (
    <div className={classes.bar} data-size={size} role="img" aria-label={describeBar(steps, progress)}>
      {parts.map(part => (
        <div
          key={part.key}
          className={classes.segment}
          data-status={part.status}
          title={part.label}
          style={{ flexGrow: part.share }}
        >
          <div className={classes.fill} style={{ width: `${part.filled * 100}%` }} />
        </div>
      ))}
    </div>
  );
}
