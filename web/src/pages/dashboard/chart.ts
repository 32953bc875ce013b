/** The chart of events an hour: what is drawn, and the same in words. */

export type Hour = { hour: string; events: number; errors: number };

export type Bar = {
  key: string;
  /** `14:00`, where the browser is. */
  from: string;
  /** `14:00–15:00: 42 events, 1 error`. */
  label: string;
  /** Heights of the whole bar and of its errors, as shares of the chart's height. */
  height: number;
  errors: number;
  /** Whether its hour stands below it. */
  isNamed: boolean;
};

/** The chart's bars, oldest first, and the number at its top. */
export function bars(hours: Hour[]): { top: number; bars: Bar[] } {
  const top = niceTop(Math.max(0, ...hours.map(({ events }) => events)));
  return {
    top,
    bars: hours.map(({ hour, events, errors }) => {
      const start = new Date(hour);
      return {
        key: hour,
        from: clock(start),
        label: `${clock(start)}–${clock(new Date(start.getTime() + 3_600_000))}: ${told(events, errors)}`,
        height: events / top,
        errors: errors / top,
        isNamed: start.getHours() % 6 === 0,
      };
    }),
  };
}

/** The next number that reads well: 1, 2, 3 or 5 times a power of ten. */
export function niceTop(most: number): number {
  if (most <= 5) {
    return 5;
  }
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 3, 5, 10].map(factor => factor * power).find(top => top >= most) ?? most;
}

/** The chart in a sentence. */
export function describeHours(hours: Hour[]): string {
  const events = hours.reduce((sum, hour) => sum + hour.events, 0);
  const errors = hours.reduce((sum, hour) => sum + hour.errors, 0);
  if (events === 0) {
    return 'No events in the past 24 hours.';
  }
  const busiest = hours.reduce((most, hour) => (hour.events > most.events ? hour : most));
  return (
    `${told(events, errors, ' in the past 24 hours')}; ` +
    `most in the hour from ${clock(new Date(busiest.hour))}: ${count(busiest.events)}.`
  );
}

function told(events: number, errors: number, when = ''): string {
  const first = `${count(events)} ${events === 1 ? 'event' : 'events'}${when}`;
  return errors === 0 ? first : `${first}, ${count(errors)} of them ${errors === 1 ? 'an error' : 'errors'}`;
}

export function count(number: number): string {
  return number.toLocaleString('en-GB');
}

function clock(at: Date): string {
  return at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}
