import { expect, test } from 'vitest';
import type { VersionChange, VersionCheck } from '../../api/types';
import { fitWords, misfitWords, tooLarge } from './versionFit';

const points: VersionChange = {
  pointer: '/step_configurations/left/points',
  detail: 'points of step left changed from 1 to 2',
  needs: 'major',
};
const added: VersionChange = { pointer: '/step_configurations/right', detail: 'step right is new', needs: 'minor' };
const named: VersionChange = { pointer: '/name', detail: 'name of the configuration changed', needs: 'patch' };

function check(changed: Partial<VersionCheck>): VersionCheck {
  return {
    compared_with: '1.0.0',
    needed: 'major',
    taken: 'patch',
    fits: false,
    suggested: '2.0.0',
    warning: null,
    changes: [points],
    more_changes: 0,
    ...changed,
  };
}

test('a single change is told in the line itself', () => {
  expect(misfitWords(check({}))).toBe(
    'Since 1.0.0 points of step left changed from 1 to 2: that needs version 2.0.0',
  );
  expect(misfitWords(check({ changes: [points, named] }))).toContain('points of step left');
  expect(misfitWords(check({ suggested: null }))).toMatch(/that needs a major step$/);
});

test('several are counted among those that are too large for the step', () => {
  const several = check({ changes: [points, added, named] });
  expect(tooLarge(several)).toEqual([points, added]);
  expect(tooLarge({ ...several, taken: 'minor' })).toEqual([points]);
  expect(tooLarge({ ...several, taken: 'none' })).toEqual([points, added, named]);
  expect(misfitWords(several)).toBe(
    'Since 1.0.0 points of step left changed from 1 to 2, and 1 more: that needs version 2.0.0',
  );
  expect(misfitWords({ ...several, more_changes: 7 })).toContain(', and 1 more:');
  expect(misfitWords({ ...several, taken: 'none', more_changes: 7 })).toContain(', and 9 more:');
});

test('what fits says whether less would do', () => {
  const fits = check({ fits: true, taken: 'major' });
  const words = (changed: Partial<VersionCheck>, version: string) => fitWords({ ...fits, ...changed }, version);
  const minor: Partial<VersionCheck> = { needed: 'minor', suggested: '1.1.0', changes: [added] };
  expect(words({}, '2.0.0')).toBe('Its changes since 1.0.0 need a major step, which this is.');
  expect(words(minor, '2.0.0')).toBe('Its changes since 1.0.0 need a minor step: 1.1.0 would do as well.');
  expect(words({ ...minor, suggested: '0.2.0' }, '0.2.0')).toMatch(/need a minor step, which this is\.$/);
  expect(words({ needed: 'none', suggested: '1.0.1', changes: [] }, '1.0.1')).toBe(
    'Nothing but the version differs from 1.0.0.',
  );
});
