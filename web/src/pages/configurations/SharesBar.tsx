import { type CSSProperties, useMemo } from 'react';
import classes from './SharesBar.module.css';
import { describeShares, sharePercent, shareSegments, type Weighted } from './shares';

/** The segmented bar before anything runs: one segment for each step, as wide as its points. */
export function SharesBar({ steps, size = 'row' }: { steps: readonly Weighted[]; size?: 'row' | 'heading' }) {
  const segments = useMemo(() => shareSegments(steps, size === 'heading' ? 160 : 48), [steps, size]);
  const count = { '--count': Math.max(1, segments.length) } as CSSProperties;
  return (
    <div className={classes.bar} data-size={size} style={count} role="img" aria-label={describeShares(steps)}>
      {segments.map(segment => (
        <div
          key={segment.key}
          className={classes.segment}
          title={segment.label}
          style={{ flexGrow: segment.share }}
        />
      ))}
    </div>
  );
}

/** One step's share of the whole, as a bar and in per cent. */
export function Share({ share }: { share: number }) {
  return (
    <div className={classes.share}>
      <div className={classes.meter}>
        <div style={{ width: `${share * 100}%` }} />
      </div>
      <span>{sharePercent(share)}</span>
    </div>
  );
}
