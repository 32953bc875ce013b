/** Something of a chart that has a colour of its own, and its name in the legend. */
export type Series = { label: string; colour: string; isHatched?: boolean; isOutlined?: boolean };

/** How many series have a colour of their own; more are put together. */
export const MOST_SERIES = 6;

/** The colours of series, which mean nothing but "another": those of statuses are not among them. */
export function seriesColour(index: number): string {
  return index < MOST_SERIES ? `var(--series-${index + 1})` : 'var(--series-rest)';
}
