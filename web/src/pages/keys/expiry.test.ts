import { describe, expect, it } from 'vitest';
import type { ApiKey } from '../../api/types';
import { endingSoon, endOfOldKey, expiresAt, expiryOf, splitKeys } from './expiry';

const now = new Date('2026-11-22T12:00:00Z');
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000).toISOString();
const key = (id: string, expires_at: string | null) => ({ id, expires_at }) as ApiKey;

describe('the end of a key', () => {
  it.each([
    [null, 'never'],
    [inDays(14.01), 'later'],
    [inDays(14), 'soon'],
    [inDays(3.01), 'soon'],
    [inDays(3), 'imminent'],
    [inDays(0.001), 'imminent'],
    [inDays(0), 'expired'],
    [inDays(-1), 'expired'],
  ])('at %s is %s', (at, expected) => {
    expect(expiryOf({ expires_at: at }, now)).toBe(expected);
  });
});

describe('a list of keys', () => {
  const keys = [
    key('old', inDays(-9)),
    key('soon', inDays(10)),
    key('for ever', null),
    key('today', inDays(0.5)),
    key('just now', inDays(-1)),
  ];
  const ids = (list: ApiKey[]) => list.map(({ id }) => id);

  it('keeps those apart that have ended, the last first', () => {
    const { working, expired } = splitKeys(keys, now);
    expect(ids(working)).toEqual(['soon', 'for ever', 'today']);
    expect(ids(expired)).toEqual(['just now', 'old']);
  });

  it('tells which end within a fortnight, the first first', () => {
    expect(ids(endingSoon(keys, now))).toEqual(['today', 'soon']);
  });
});

describe('the end of a new key', () => {
  it('is so many days from now', () => {
    expect(expiresAt('30d', null, now)).toBe('2026-12-22T12:00:00.000Z');
    expect(expiresAt('90d', null, now)).toBe('2027-02-20T12:00:00.000Z');
    expect(expiresAt('never', null, now)).toBeNull();
  });

  it('is the same day of the next year', () => {
    expect(new Date(expiresAt('1y', null, now) ?? '').getFullYear()).toBe(2027);
  });

  it('is the end of the chosen day where it was chosen', () => {
    expect(expiresAt('date', '2026-12-31', now)).toBe(new Date(2026, 11, 31, 23, 59, 59).toISOString());
    expect(expiresAt('date', null, now)).toBeUndefined();
  });
});

describe('a rotated key', () => {
  it('goes on for the overlap, but never longer than it would have', () => {
    expect(endOfOldKey({ expires_at: null }, 3600, now).toISOString()).toBe('2026-11-22T13:00:00.000Z');
    expect(endOfOldKey({ expires_at: '2026-11-22T12:30:00Z' }, 3600, now).toISOString()).toBe(
      '2026-11-22T12:30:00.000Z',
    );
    expect(endOfOldKey({ expires_at: inDays(90) }, 0, now)).toEqual(now);
  });
});
