import { describe, expect, it } from 'vitest';
import { passwordProblem, repetitionProblem } from './passwords';

describe('the rule for passwords', () => {
  it('says how many characters are missing', () => {
    expect(passwordProblem('seven77')).toBe('Too short: 1 more character is needed.');
    expect(passwordProblem('five5')).toBe('Too short: 3 more characters are needed.');
    expect(passwordProblem('eight888')).toBeNull();
  });

  it('counts characters as the server does, not their code units', () => {
    expect(passwordProblem('🗝️🗝️'.repeat(2))).toBeNull();
    expect(passwordProblem('🗝🗝🗝🗝')).not.toBeNull();
    expect(passwordProblem('🗝'.repeat(256))).toBeNull();
    expect(passwordProblem('🗝'.repeat(257))).toBe('Too long: at most 256 characters.');
  });

  it('notices a slip in the repetition', () => {
    expect(repetitionProblem('correct horse', 'correct horse')).toBeNull();
    expect(repetitionProblem('correct horse', 'correct hose')).toBe('This is not the same as above.');
  });
});
