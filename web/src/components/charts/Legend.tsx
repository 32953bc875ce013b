import classes from './Charts.module.css';
import type { Series } from './series';

/** Which colour is what. */
export function Legend({ series }: { series: Series[] }) {
  return (
    <ul className={classes.legend} data-legend aria-label="Legend">
      {series.map(({ label, colour, isHatched, isOutlined }) => (
        <li key={label} className="breakable">
          <i
            className={classes.swatch}
            data-hatched={isHatched || undefined}
            data-outlined={isOutlined || undefined}
            style={{ color: colour }}
          />
          {label}
        </li>
      ))}
    </ul>
  );
}
