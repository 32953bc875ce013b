import { expect, test } from 'vitest';
import { compareVersions, newestFirst, nextVersion, nextVersions, parseVersion } from './semver';

test('precedence is the one the server keeps', () => {
  const ascending = [
    '0.9.0-rc.1',
    '1.0.0-0',
    '1.0.0-2',
    '1.0.0-10',
    '1.0.0-10.1',
    '1.0.0-99999999999999999999999',
    '1.0.0--',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-alpha-b',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '9.0.0-rc.1',
    '0.0.1',
    '0.9.0',
    '1.0.0',
    '1.0.10',
    '1.2.0',
    '1.10.0',
    '18446744073709551615.0.0',
  ];
  for (const [index, version] of ascending.entries()) {
    const next = ascending[index + 1];
    if (next !== undefined) {
      expect(compareVersions(version, next), `${version} < ${next}`).toBeLessThan(0);
      expect(compareVersions(next, version), `${next} > ${version}`).toBeGreaterThan(0);
    }
  }
  expect(compareVersions('1.0.0+a', '1.0.0+b')).toBe(0);
});

test('what the server refuses is no version', () => {
  for (const text of [
    '',
    '1',
    '1.0',
    'v1.0.0',
    '01.0.0',
    '1.0.0-',
    '1.0.0-01',
    '1.0.0+',
    '18446744073709551616.0.0',
    '1.0.0 ',
  ]) {
    expect(parseVersion(text), text).toBeNull();
  }
});

test('the newest comes first, of equal precedence the one registered later', () => {
  const at = (version: string, day: number) => ({ version, created_at: `2026-01-0${day}T00:00:00Z` });
  const versions = [at('1.0.0+a', 1), at('2.0.0-rc.1', 4), at('1.0.0+c', 3), at('1.1.0', 2), at('1.0.0+b', 2)];
  expect(newestFirst(versions).map(({ version }) => version)).toEqual([
    '1.1.0',
    '1.0.0+c',
    '1.0.0+b',
    '1.0.0+a',
    '2.0.0-rc.1',
  ]);
});

test('the next version is free', () => {
  expect(nextVersion('1.4.2', ['1.4.2'])).toBe('1.5.0');
  expect(nextVersion('1.4.2', ['1.4.2', '1.5.0', '1.6.0'])).toBe('1.7.0');
  expect(nextVersions('1.4.2', ['1.4.3', '2.0.0'])).toEqual({ patch: '1.4.4', minor: '1.5.0', major: '3.0.0' });
});

test('after a pre-release comes its release', () => {
  expect(nextVersion('2.0.0-rc.1+build', ['1.0.0'])).toBe('2.0.0');
  expect(nextVersion('2.0.0-rc.1', ['2.0.0'])).toBe('2.1.0');
});

test('something can follow on what is no version', () => {
  expect(nextVersion('soon', [])).toBe('0.1.0');
});
