import type { VersionChange, VersionCheck } from '../../api/types';

/** From the smallest step to the largest. */
const STEPS: readonly VersionChange['needs'][] = ['none', 'patch', 'minor', 'major'];

/** The changes for which the step is too small. */
export function tooLarge({ changes, taken }: VersionCheck): VersionChange[] {
  return changes.filter(({ needs }) => STEPS.indexOf(needs) > STEPS.indexOf(taken));
}

/** How many more there are than those: what is not told needs no larger step than what is. */
export function untold(check: VersionCheck): number {
  return tooLarge(check).length === check.changes.length ? check.more_changes : 0;
}

/** What does not fit, in one line. */
export function misfitWords(check: VersionCheck): string {
  const [first, ...others] = tooLarge(check);
  const more = others.length + untold(check);
  const needs = check.suggested === null ? `a ${check.needed} step` : `version ${check.suggested}`;
  const what = `Since ${check.compared_with} ${first?.detail ?? 'something changed'}`;
  return more === 0 ? `${what}: that needs ${needs}` : `${what}, and ${more} more: that needs ${needs}`;
}

/** What fits, in one line. */
export function fitWords({ compared_with: before, needed, taken, suggested }: VersionCheck, version: string): string {
  if (needed === 'none') {
    return `Nothing but the version differs from ${before}.`;
  }
  return needed === taken || suggested === null || suggested === version
    ? `Its changes since ${before} need a ${needed} step, which this is.`
    : `Its changes since ${before} need a ${needed} step: ${suggested} would do as well.`;
}
