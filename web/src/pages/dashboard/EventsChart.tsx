import { Text, Title, Tooltip, VisuallyHidden } from '@mantine/core';
import { bars, count, describeHours, type Hour } from './chart';
import classes from './EventsChart.module.css';

/**
 * Events in each of the past 24 hours. Two dozen bars of one colour are boxes; a charting library would weigh more than
 * all the rest of the page that providers open first.
 */
export function EventsChart({ hours }: { hours: Hour[] }) {
  const { top, bars: drawn } = bars(hours);
  return (
    <section aria-labelledby="events-an-hour">
      <div className={classes.heading}>
        <Title order={2} id="events-an-hour">
          Events an hour
        </Title>
        <Text c="var(--quiet)">{describeHours(hours)}</Text>
      </div>
      <div className={classes.chart} aria-hidden="true">
        <span className={classes.top}>{count(top)}</span>
        <div className={classes.bars}>
          {drawn.map(bar => (
            <Tooltip key={bar.key} label={bar.label} openDelay={0}>
              <div className={classes.slot}>
                <div className={classes.bar} data-filled={bar.height > 0} style={{ height: `${bar.height * 100}%` }}>
                  {bar.errors > 0 && (
                    <div className={classes.errors} style={{ height: `${(bar.errors / bar.height) * 100}%` }} />
                  )}
                </div>
                {bar.isNamed && <span className={classes.hour}>{bar.from}</span>}
              </div>
            </Tooltip>
          ))}
        </div>
      </div>
      <VisuallyHidden>
        <ul aria-label="Events in each hour">
          {drawn.map(bar => (
            <li key={bar.key}>{bar.label}</li>
          ))}
        </ul>
      </VisuallyHidden>
    </section>
  );
}
