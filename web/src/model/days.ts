/** A part of time: from the first instant to before the last; either may be open. */
export type Period = { from?: string | undefined; to?: string | undefined };

/** Days as a calendar has them, `2026-11-22`, in the zone of whoever looks. */
export type Days = [first: string | null, last: string | null];

/** The instants from the beginning of the first day to the end of the last. */
export function instantsOf([first, last]: Days): Period {
  return {
    from: first === null ? undefined : midnight(first, 0),
    to: last === null ? undefined : midnight(last, 1),
  };
}

/** The days that are at least in part between the instants. What is no instant is no day. */
export function daysOf({ from, to }: Period): Days {
  return [dayOf(from, 0), dayOf(to, -1)];
}

function midnight(day: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

function dayOf(instant: string | undefined, milliseconds: number): string | null {
  const at = new Date(Date.parse(instant ?? '') + milliseconds);
  if (Number.isNaN(at.getTime())) {
    return null;
  }
  const two = (part: number) => String(part).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
