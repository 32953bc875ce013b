import { Link } from '@tanstack/react-router';
import { count } from './chart';
import classes from './Figures.module.css';
import { type Figure, figures, type Summary } from './figures';

/** Four figures, each the way to what it counts. */
export function Figures({ summary }: { summary: Summary }) {
  return (
    <ul className={classes.figures}>
      {figures(summary).map(figure => (
        <li key={figure.label}>
          <Link to="/jobs" search={figure.jobs} className={classes.figure} data-tone={figure.tone}>
            <span className={classes.count}>
              {count(figure.count)}
              <Mark tone={figure.tone} />
            </span>
            <span className={classes.label}>{figure.label}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** A shape beside the colour of what wants to be looked at. */
function Mark({ tone }: { tone: Figure['tone'] }) {
  if (tone === 'calm') {
    return null;
  }
  return (
    <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
      {tone === 'error' ? (
        <>
          <path d="M8 1.2 15 14.3H1z" fill="currentColor" />
          <path d="M8 6v4.2M8 11.3v1.6" stroke="var(--panel)" strokeWidth="1.7" />
        </>
      ) : (
        <>
          <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" strokeWidth="1.8" />
          <path d="M8 4.4V8l2.6 1.7" fill="none" stroke="currentColor" strokeWidth="1.8" />
        </>
      )}
    </svg>
  );
}
