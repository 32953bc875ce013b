import { describe, expect, test } from 'vitest';
import type { StepBrief, StepStatus } from '../api/types';
import { currentStep, describeBar, MOST_SEGMENTS, percent, segments, wholeJob } from './segments';

const STATUSES: StepStatus[] = ['pending', 'running', 'finished', 'error', 'skipped'];

function step(points: number, status: StepStatus, fraction = 0, name = 'Step'): StepBrief {
  return { tag: `step-${++count}`, name, points, status, fraction };
}
let count = 0;

/** Numbers that look random and are the same in every run. */
function chances(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

function anySteps(seed: number): StepBrief[] {
  const chance = chances(seed);
  return Array.from({ length: 1 + chance(600) }, () => {
    const points = chance(4) === 0 ? 0 : chance(1_000_000);
    return step(points, STATUSES[chance(STATUSES.length)] ?? 'pending', chance(101) / 100);
  });
}

describe('segments', () => {
  test('are as wide as their points', () => {
    const shares = segments([step(1, 'finished'), step(2, 'running'), step(5, 'pending')]).map(part => part.share);
    expect(shares).toEqual([1 / 8, 2 / 8, 5 / 8]);
  });

  test('are equal where no step has points, as in the progress', () => {
    expect(segments([step(0, 'finished'), step(0, 'pending')]).map(part => part.share)).toEqual([0.5, 0.5]);
  });

  test('are filled by their fraction, and wholly when finished', () => {
    const parts = segments([step(1, 'finished', 0.2), step(1, 'running', 0.4), step(1, 'error', 0.5)]);
    expect(parts.map(part => part.filled)).toEqual([1, 0.4, 0.5]);
  });

  test('say what they are to whoever points at them', () => {
    const parts = segments([step(1, 'running', 0.426, 'Brain mask'), step(1, 'skipped', 0, 'Report')]);
    expect(parts.map(part => part.label)).toEqual(['Brain mask: under way, 42 %', 'Report: skipped']);
  });

  test('of more steps than columns share them', () => {
    const steps = [
      ...Array.from({ length: 250 }, () => step(1, 'finished', 1)),
      ...Array.from({ length: 250 }, () => step(1, 'pending')),
    ];
    expect(segments(steps, 10).map(part => part.filled)).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    steps[499] = step(1, 'error', 0, 'The last one');
    expect(segments(steps, 10).map(part => part.status)).toEqual([
      ...Array(5).fill('finished'),
      ...Array(4).fill('pending'),
      'error',
    ]);
    expect(segments(steps, 10).at(-1)?.label).toBe('The last one: failed (and 49 more here)');
  });

  test('of a wide step among many span the columns it is worth', () => {
    const steps = [step(60, 'finished', 1), ...Array.from({ length: 40 }, () => step(1, 'pending'))];
    expect(segments(steps, 10).map(part => part.status)).toEqual([
      ...Array(6).fill('finished'),
      ...Array(4).fill('pending'),
    ]);
  });

  test('of a job without steps are one, in the state of the job', () => {
    expect(wholeJob('completed')).toMatchObject([{ status: 'finished', filled: 1, share: 1 }]);
    expect(wholeJob('error')).toMatchObject([{ status: 'error', filled: 0 }]);
  });

  test('fill the bar exactly, hide no error and invent none, whatever the steps are', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const steps = anySteps(seed);
      for (const most of Object.values(MOST_SEGMENTS)) {
        const parts = segments(steps, most);
        expect(parts.length).toBeLessThanOrEqual(most);
        expect(new Set(parts.map(part => part.key)).size).toBe(parts.length);
        expect(parts.reduce((sum, part) => sum + part.share, 0)).toBeCloseTo(1, 9);
        expect(parts.every(part => part.filled >= 0 && part.filled <= 1)).toBe(true);
        expect(parts.some(part => part.status === 'error')).toBe(steps.some(({ status }) => status === 'error'));
      }
    }
  });

  test('are full only when all is done', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const steps = anySteps(seed).map(one => ({ ...one, status: 'finished' as StepStatus }));
      expect(segments(steps, 20).every(({ status, filled }) => status === 'finished' && filled === 1)).toBe(true);
      steps[Math.floor(steps.length / 2)] = step(1_000_000, 'running', 0.5);
      expect(segments(steps, 20).some(({ status, filled }) => status === 'running' && filled < 1)).toBe(true);
    }
  });
});

describe('the words of a bar', () => {
  test('tell how many steps are finished, and what is wrong', () => {
    const steps = [step(1, 'finished'), step(1, 'error'), step(1, 'pending')];
    expect(describeBar(steps, 0.33)).toBe('33 %, 1 of 3 steps finished, 1 failed');
    expect(describeBar([], null)).toBe('no steps');
  });

  test('never say 100 % before the end', () => {
    expect(percent(0.999_999)).toBe('99 %');
    expect(percent(0.57)).toBe('57 %');
    expect(percent(1)).toBe('100 %');
  });

  test('name the step that failed, else the one under way, else the next', () => {
    const done = step(1, 'finished');
    const next = step(1, 'pending');
    const running = step(1, 'running');
    const failed = step(1, 'error');
    expect(currentStep([done, failed, running, next])).toBe(failed);
    expect(currentStep([done, running, next])).toBe(running);
    expect(currentStep([done, next])).toBe(next);
    expect(currentStep([done])).toBeNull();
  });
});
