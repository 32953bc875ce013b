import { expect, test } from 'vitest';
import { calibration } from './calibration';

test('it is told how many predictions held, and on which side the others failed', () => {
  expect(calibration({ predictions: 412, inside: 334, below: 37, above: 41 }, 58)).toBe(
    'Of 412 predictions for 58 runs 81 % held; 9 % of the ends came earlier, 10 % later.',
  );
  expect(calibration({ predictions: 1, inside: 1, below: 0, above: 0 }, 1)).toBe(
    'Of 1 prediction for 1 run 100 % held; 0 % of the ends came earlier, 0 % later.',
  );
});

test('without predictions it says what is missing', () => {
  expect(calibration({ predictions: 0, inside: 0, below: 0, above: 0 }, 3)).toBe(
    'No end has been expected yet: that takes five completed runs.',
  );
});
