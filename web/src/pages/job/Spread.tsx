import type { Distribution } from '../../api/types';
import { describeSpread, standing, strip } from './distribution';
import classes from './Spread.module.css';

const WIDTH = 132;
const HEIGHT = 26;

/** A value among those of the other jobs: their histogram, their middle half, and where this one lies. */
export function Spread({ spread }: { spread: Distribution }) {
  const place = standing(spread);
  return (
    <div className={classes.spread} data-outlier={place?.outlier ?? undefined}>
      {spread.min < spread.max && <Strip spread={spread} />}
      {place !== null && (
        <div className={classes.words}>
          {place.outlier !== null && (
            <span className={classes.outlier}>
              <span aria-hidden="true">{place.outlier === 'high' ? '▲' : '▼'}</span> Unusually {place.outlier}:{' '}
            </span>
          )}
          {place.words}
        </div>
      )}
    </div>
  );
}

function Strip({ spread }: { spread: Distribution }) {
  const { bins, middle, median, value } = strip(spread);
  const x = (share: number) => 4 + share * (WIDTH - 8);
  const description = describeSpread(spread);
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 7}`} className={classes.strip} role="img" aria-label={description}>
      <title>{description}</title>
      {bins.map(bin => (
        <rect
          key={bin.x}
          className={classes.bin}
          x={x(bin.x)}
          y={HEIGHT - bin.height * (HEIGHT - 4)}
          width={Math.max(1, bin.width * (WIDTH - 8) - 0.6)}
          height={bin.height * (HEIGHT - 4)}
        />
      ))}
      <line className={classes.axis} x1={x(0)} x2={x(1)} y1={HEIGHT + 2} y2={HEIGHT + 2} />
      <rect
        className={classes.middle}
        x={x(middle.x)}
        y={HEIGHT + 0.5}
        width={Math.max(2, middle.width * (WIDTH - 8))}
        height={3}
      />
      <line className={classes.median} x1={x(median)} x2={x(median)} y1={HEIGHT - 1} y2={HEIGHT + 5} />
      {value !== null && (
        <>
          <line className={classes.here} x1={x(value)} x2={x(value)} y1={2} y2={HEIGHT + 2} />
          <path className={classes.marker} d={`M${x(value) - 4} 0h8l-4 6z`} />
        </>
      )}
    </svg>
  );
}
