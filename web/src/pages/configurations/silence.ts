/** The limits that the server takes, in seconds. */
const LEAST = 120;
const MOST = 30 * 86_400;

/** Seconds as somebody edits them: in minutes. */
export function inMinutes(seconds: number): number {
  return Math.round((seconds / 60) * 100) / 100;
}

/** What was typed as minutes, in seconds; null: it is no limit that can be set. */
export function inSeconds(minutes: string | number): number | null {
  const seconds = minutes === '' ? Number.NaN : Math.round(Number(minutes) * 60);
  return seconds >= LEAST && seconds <= MOST ? seconds : null;
}
