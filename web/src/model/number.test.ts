import { expect, test } from 'vitest';
import { readable, withUnits } from './number';

test('whole numbers keep every digit, in groups', () => {
  expect(readable(0)).toBe('0');
  expect(readable(-0)).toBe('0');
  expect(readable(12_345_678)).toBe('12,345,678');
  expect(readable(-1500)).toBe('−1,500');
});

test('others have five digits, and one after the point where they are large', () => {
  expect(readable(1797.5)).toBe('1,797.5');
  expect(readable(0.123456789)).toBe('0.12346');
  expect(readable(78.25)).toBe('78.25');
  expect(readable(123_456.78)).toBe('123,456.8');
});

test('what is very large or very small is told by its power of ten', () => {
  expect(readable(1.2e-7)).toBe('1.2 × 10⁻⁷');
  expect(readable(-6.02214e23)).toBe('−6.022 × 10²³');
  expect(readable(1e15)).toBe('1 × 10¹⁵');
});

test('a unit follows its number', () => {
  expect(withUnits('12', 'mm²')).toBe('12 mm²');
  expect(withUnits('12', null)).toBe('12');
});
