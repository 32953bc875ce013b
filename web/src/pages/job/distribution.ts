import type { Distribution, JobStep } from '../../api/types';
import { counted, readable } from '../../model/number';

/** With fewer others than this, shares and outliers say nothing. */
const FEW = 5;
/** An outlier is no more common than this among the others. */
const RARE = 0.05;
/** Beyond so many times the middle half's width from it, a value is an outlier (Tukey). */
const FENCE = 1.5;

/** Where a job's value stands among those of others, in words. */
export type Standing = { words: string; outlier: 'high' | 'low' | null };

export function standing(spread: Distribution): Standing | null {
  const { value, below, count: others } = spread;
  if (value === null || below === null || others === 0) {
    return null;
  }
  return { words: place(spread, value, below), outlier: others < FEW ? null : outlier(spread, value, below) };
}

function place(spread: Distribution, value: number, below: number): string {
  const others = spread.count;
  const all = others === 1 ? 'the one other job' : `all ${others.toLocaleString('en')} others`;
  if (value > spread.max) {
    return `above ${all}`;
  }
  if (value < spread.min) {
    return `below ${all}`;
  }
  if (spread.min === spread.max) {
    return `the same as ${all}`;
  }
  if (others < FEW) {
    return `within ${readable(spread.min)} to ${readable(spread.max)} of ${counted(others, 'other job')}`;
  }
  return below === 0
    ? `equal to the lowest of ${counted(others, 'job')}`
    : `above ${Math.round(below * 100)} % of ${counted(others, 'job')}`;
}

function outlier(spread: Distribution, value: number, below: number): Standing['outlier'] {
  const [lower = spread.min, , upper = spread.max] = spread.quartiles;
  const reach = FENCE * (upper - lower);
  if (value > upper + reach && below >= 1 - RARE) {
    return 'high';
  }
  return value < lower - reach && below <= RARE ? 'low' : null;
}

/** A histogram in a width of 1 and a height of 1, with the middle half, the median and the job's own value. */
export type Strip = {
  bins: { x: number; width: number; height: number }[];
  middle: { x: number; width: number };
  median: number;
  value: number | null;
};

export function strip(spread: Distribution): Strip {
  const from = Math.min(spread.min, spread.value ?? spread.min);
  const to = Math.max(spread.max, spread.value ?? spread.max);
  const at = (value: number) => (to > from ? (value - from) / (to - from) : 0.5);
  const highest = Math.max(1, ...spread.bins);
  const width = spread.min < spread.max ? (at(spread.max) - at(spread.min)) / spread.bins.length : 0.04;
  const left = spread.min < spread.max ? at(spread.min) : at(spread.min) - width / 2;
  const [lower = spread.min, median = spread.min, upper = spread.max] = spread.quartiles;
  return {
    bins: spread.bins
      .map((bin, index) => ({
        x: left + index * width,
        width,
        height: bin === 0 ? 0 : Math.max(0.08, bin / highest),
      }))
      .filter(bin => bin.height > 0),
    middle: { x: at(lower), width: at(upper) - at(lower) },
    median: at(median),
    value: spread.value === null ? null : at(spread.value),
  };
}

/** The distribution of a value, for those who do not see it. */
export function describeSpread(spread: Distribution): string {
  const [lower = spread.min, median = spread.min, upper = spread.max] = spread.quartiles.map(readable);
  return (
    `In ${counted(spread.count, 'other job')} from ${readable(spread.min)} to ${readable(spread.max)}, ` +
    `median ${median}, the middle half from ${lower} to ${upper}`
  );
}

/** Whether the job has measured something since the distributions were read. */
export function isOutdated(spreads: Distribution[], steps: JobStep[]): boolean {
  const values = new Map(
    steps.map(step => [step.tag, new Map(step.metadata.map(field => [field.name, field.value]))]),
  );
  return spreads.some(spread => {
    const value = values.get(spread.tag)?.get(spread.name);
    return typeof value === 'number' && value !== spread.value;
  });
}
