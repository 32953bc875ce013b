/** Where things lie in a chart. */

export type Scale = { top: number; ticks: number[] };

/** A scale from zero to a round number, with round numbers between: at most `most` of them above zero. */
export function scaleTo(highest: number, most = 4): Scale {
  return scaleBetween(0, highest > 0 ? highest : 1, most);
}

/** From a round number below the lowest to one above the highest. */
export function scaleBetween(lowest: number, highest: number, most = 4): Scale & { bottom: number } {
  const span = highest > lowest ? highest - lowest : Math.abs(highest) || 1;
  const step = roundStep(span / most);
  const bottom = Math.floor(lowest / step + 1e-9) * step;
  const count = Math.max(1, Math.ceil((highest - bottom) / step - 1e-9));
  const ticks = Array.from({ length: count + 1 }, (_, index) => exact(bottom + index * step));
  return { bottom: exact(bottom), top: ticks.at(-1) ?? highest, ticks };
}

/** The next of 1, 2 and 5 times a power of ten. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= least * (1 - 1e-9)) ?? least;
}

/** Without what binary fractions add: 0.1 + 0.2 is 0.3. */
function exact(value: number): number {
  return Number(value.toPrecision(12));
}

/** For counts: whole numbers only. */
export function scaleOfCounts(highest: number, most = 4): Scale {
  return highest <= most ? wholes(Math.max(1, Math.ceil(highest))) : scaleTo(highest, most);
}

function wholes(top: number): Scale {
  return { top, ticks: Array.from({ length: top + 1 }, (_, index) => index) };
}

/** Which of so many labels have room beside each other: every first, second, fifth …, from the first on. */
export function shownLabels(count: number, width: number, room: number): (index: number) => boolean {
  const fitting = Math.max(1, Math.floor(width / room));
  const every =
    [1, 2, 3, 5, 7, 10, 14, 30, 60, 100].find(step => count / step <= fitting) ?? Math.ceil(count / fitting);
  return index => index % every === 0;
}

/** A part of a bar: from and to on the scale. */
export type Layer = { series: number; from: number; to: number };

/** The parts of a bar on top of each other, without those that are nothing. */
export function stack(values: readonly number[]): Layer[] {
  let sum = 0;
  return values.flatMap((value, series) => {
    const from = sum;
    sum += Math.max(0, value);
    return value > 0 ? [{ series, from, to: sum }] : [];
  });
}

export type Point = { x: number; y: number };

/** Lines through points, broken where there is none. */
export function linePath(points: readonly (Point | null)[]): string {
  let isDrawing = false;
  const parts = points.map(point => {
    if (point === null) {
      isDrawing = false;
      return '';
    }
    const command = isDrawing ? 'L' : 'M';
    isDrawing = true;
    return `${command}${round(point.x)} ${round(point.y)}`;
  });
  return parts.join('');
}

/** Areas between two lines, broken where there is none. */
export function bandPath(points: readonly ({ x: number; low: number; high: number } | null)[]): string {
  const runs: { x: number; low: number; high: number }[][] = [[]];
  for (const point of points) {
    if (point === null) {
      runs.push([]);
    } else {
      runs.at(-1)?.push(point);
    }
  }
  return runs
    .filter(run => run.length > 1)
    .map(run => {
      const upper = run.map(({ x, high }) => `${round(x)} ${round(high)}`);
      const lower = run.map(({ x, low }) => `${round(x)} ${round(low)}`).reverse();
      return `M${[...upper, ...lower].join('L')}Z`;
    })
    .join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
