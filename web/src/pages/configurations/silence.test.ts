import { expect, test } from 'vitest';
import { inMinutes, inSeconds } from './silence';

test('a limit is edited in minutes', () => {
  expect([inMinutes(120), inMinutes(1_200), inMinutes(150), inMinutes(125)]).toEqual([2, 20, 2.5, 2.08]);
  expect([inSeconds(2), inSeconds('20'), inSeconds(2.5), inSeconds(43_200)]).toEqual([120, 1_200, 150, 2_592_000]);
});

test('what the server would refuse is no limit', () => {
  expect([inSeconds(''), inSeconds('soon'), inSeconds(1.9), inSeconds(43_201), inSeconds(-5)]).toEqual(
    Array(5).fill(null),
  );
});
