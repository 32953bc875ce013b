/** Instants of the server: RFC 3339 in UTC, to the microsecond, which `Date` does not keep. */

/** Milliseconds since 1970. */
export function millis(at: string): number {
  return new Date(at).getTime();
}

/** Negative: the first is earlier. */
export function compareInstants(a: string, b: string): number {
  return seconds(a) - seconds(b) || micros(a) - micros(b);
}

function seconds(at: string): number {
  return Math.floor(millis(at) / 1000);
}

function micros(at: string): number {
  const fraction = /\.(\d+)/.exec(at)?.[1] ?? '';
  return Number(fraction.padEnd(6, '0').slice(0, 6));
}

/** The time of day, with the day where that is not the one of `now`: `14:02:11`, `21 Nov, 14:02:11`. */
export function clockTime(at: Date, now: Date): string {
  const time = at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  if (at.toDateString() === now.toDateString()) {
    return time;
  }
  const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return `${at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year })}, ${time}`;
}
