import { counted } from '../../model/number';

/** What share of a job each step is, as its progress counts it. */

export type Weighted = { tag: string; name: string; points: number };

export type Share = { key: string; label: string; share: number };

/** The shares in order, together 1. Where no step has points each weighs the same. */
export function sharesOf(steps: readonly { points: number }[]): number[] {
  const total = totalPoints(steps);
  return steps.map(step => (total === 0 ? 1 / steps.length : step.points / total));
}

export function totalPoints(steps: readonly { points: number }[]): number {
  return steps.reduce((sum, step) => sum + step.points, 0);
}

/** `12.5 %`, `46 %`; what is there but cannot be told at that precision is `< 0.1 %`. */
export function sharePercent(share: number): string {
  if (share > 0 && share < 0.0005) {
    return '< 0.1 %';
  }
  // What is short of all is never told as all.
  const tenths = share < 1 ? Math.min(Math.round(share * 1000), 999) : 1000;
  return `${tenths / 10} %`;
}

/** The segments of a bar: one for each step, neighbours joined where there is no room for each. */
export function shareSegments(steps: readonly Weighted[], most: number): Share[] {
  const shares = sharesOf(steps);
  const size = Math.max(1, Math.ceil(steps.length / most));
  const segments: Share[] = [];
  for (let start = 0; start < steps.length; start += size) {
    const group = steps.slice(start, start + size);
    const share = shares.slice(start, start + size).reduce((sum, part) => sum + part, 0);
    const [first] = group;
    const name = group.length === 1 ? first?.name : `Steps ${start + 1}–${start + group.length}`;
    segments.push({
      key: `${start}`,
      label: `${name}: ${counted(totalPoints(group), 'point')}, ${sharePercent(share)}`,
      share,
    });
  }
  return segments;
}

/** The bar in words: its greatest steps. */
export function describeShares(steps: readonly Weighted[]): string {
  if (steps.length === 0) {
    return 'No steps';
  }
  const shares = sharesOf(steps);
  const greatest = steps
    .map((step, index) => ({ name: step.name, share: shares[index] ?? 0 }))
    .sort((a, b) => b.share - a.share)
    .slice(0, 3)
    .map(({ name, share }) => `${name} ${sharePercent(share)}`);
  const more = steps.length > greatest.length ? ', …' : '';
  return `${counted(steps.length, 'step')}: ${greatest.join(', ')}${more}`;
}
