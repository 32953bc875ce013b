import { describe, expect, test } from 'vitest';
import { daysOf, instantsOf } from './days';

describe('days', () => {
  test('are whole: from the beginning of the first to the end of the last', () => {
    const { from = '', to = '' } = instantsOf(['2026-11-03', '2026-11-03']);
    expect(new Date(from).getHours()).toBe(0);
    expect(Date.parse(to) - Date.parse(from)).toBe(86_400_000);
  });

  test('come back from the address as they were', () => {
    for (const days of [
      ['2026-11-03', '2026-11-30'],
      ['2026-12-31', null],
      [null, '2024-02-29'],
    ] as const) {
      expect(daysOf(instantsOf([...days]))).toEqual(days);
    }
  });

  test('are not made of what is no instant', () => {
    expect(daysOf({ from: 'yesterday' })).toEqual([null, null]);
  });
});
