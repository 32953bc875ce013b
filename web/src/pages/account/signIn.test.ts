import { describe, expect, it } from 'vitest';
import { ApiError } from '../../api/client';
import type { User } from '../../api/types';
import { isSentOn, readFragment, signInProblem } from './signIn';

const ada = { email: 'ada@aurora.example' } as User;

describe('a link that fills in the form', () => {
  it('carries address and password in its fragment', () => {
    expect(readFragment('#email=ada%40aurora.example&password=a%26b%20c')).toEqual({
      email: 'ada@aurora.example',
      password: 'a&b c',
    });
  });

  it('is not any other fragment', () => {
    expect(readFragment('')).toBeNull();
    expect(readFragment('#content')).toBeNull();
  });
});

describe('somebody who is signed in', () => {
  it('is sent on', () => {
    expect(isSentOn(ada, null)).toBe(true);
    expect(isSentOn(ada, { email: 'Ada@aurora.example', password: '' })).toBe(true);
  });

  it('stays where a link is for somebody else', () => {
    expect(isSentOn(ada, { email: 'tom@harbour.example', password: '' })).toBe(false);
    expect(isSentOn(null, null)).toBe(false);
  });
});

describe('a failed sign-in', () => {
  it('tells a wrong password from a server in trouble', () => {
    expect(signInProblem(new ApiError(401, 'no'))).toMatch(/password is wrong/);
    expect(signInProblem(new ApiError(503, 'no'))).toMatch(/Nothing is wrong with what you typed/);
    expect(signInProblem(new ApiError(0, 'no'))).toMatch(/cannot be reached/);
    expect(signInProblem(new ApiError(422, '/email: is no text'))).toBe('/email: is no text');
    expect(signInProblem(new ApiError(429, 'no'), 80)).toMatch(/Try again in 1 min 20 s/);
    expect(signInProblem(new ApiError(429, 'no'), 0)).toMatch(/try again now/);
    expect(signInProblem(null)).toBeNull();
  });
});
