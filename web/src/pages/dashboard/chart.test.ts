import { describe, expect, it } from 'vitest';
import { bars, describeHours, niceTop } from './chart';

const hour = (hours: number) => new Date(2026, 10, 22, hours).toISOString();
const day = [
  { hour: hour(11), events: 0, errors: 0 },
  { hour: hour(12), events: 1500, errors: 1 },
  { hour: hour(13), events: 40, errors: 4 },
];

describe('the chart of events', () => {
  it('draws each hour in its share of a round number', () => {
    const { top, bars: drawn } = bars(day);
    expect(top).toBe(2000);
    expect(drawn.map(({ height, errors }) => [height, errors])).toEqual([
      [0, 0],
      [0.75, 0.0005],
      [0.02, 0.002],
    ]);
  });

  it('says what every bar is', () => {
    expect(bars(day).bars.map(({ label }) => label)).toEqual([
      '11:00–12:00: 0 events',
      '12:00–13:00: 1,500 events, 1 of them an error',
      '13:00–14:00: 40 events, 4 of them errors',
    ]);
    expect(bars(day).bars.map(({ isNamed }) => isNamed)).toEqual([false, true, false]);
  });

  it('is told in a sentence', () => {
    expect(describeHours(day)).toBe(
      '1,540 events in the past 24 hours, 5 of them errors; most in the hour from 12:00: 1,500.',
    );
    expect(describeHours([])).toBe('No events in the past 24 hours.');
  });

  it.each([
    [0, 5],
    [5, 5],
    [6, 10],
    [11, 20],
    [50, 50],
    [51, 100],
    [201, 300],
    [301, 500],
    [900, 1000],
  ])('has a round number above %i: %i', (most, top) => {
    expect(niceTop(most)).toBe(top);
  });
});
