/** How times are told: relative at a glance, exact where somebody looks closer. */

const UNITS: [limit: number, seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, 'second'],
  [3600, 60, 'minute'],
  [86_400, 3600, 'hour'],
  [7 * 86_400, 86_400, 'day'],
];

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

/** `3 min. ago`, `yesterday`, `in 2 days`; what is further away than a week is told by its date. */
export function relativeTime(at: Date, now: Date): string {
  const seconds = (at.getTime() - now.getTime()) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 10) {
    return 'now';
  }
  const fitting = UNITS.find(([limit]) => distance < limit);
  if (fitting === undefined) {
    const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
    return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year });
  }
  const [, size, unit] = fitting;
  return relative.format(Math.trunc(seconds / size), unit);
}

/** The exact instant and its zone: `Sun, 22 Nov 2026, 20:34:16 GMT+1`. */
export function exactTime(at: Date): string {
  return at.toLocaleString('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
  });
}

/** A length of time as one reads it: `850 ms`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 1000) {
    return `${Math.round(ms)} ms`;
  }
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) {
    return `${seconds} s`;
  }
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** The same in its greatest unit alone, for what goes on: `42 s`, `12 min`, `3 h`, `2 d`. */
export function roughly(milliseconds: number): string {
  return duration(Math.max(1000, milliseconds)).split(' ').slice(0, 2).join(' ');
}

/** A day of a calendar, `2026-11-22`, as `22 Nov`; with its year unless that is this one. */
export function shortDay(day: string, now = new Date()): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const options = {
    day: 'numeric',
    month: 'short',
    year: year === now.getFullYear() ? undefined : 'numeric',
  } as const;
  return new Date(year, month - 1, date).toLocaleDateString('en-GB', options);
}
