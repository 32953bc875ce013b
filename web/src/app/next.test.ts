import { expect, test } from 'vitest';
import { nextOf } from './next';

test('the sign-in leads on to pages of our own', () => {
  expect(nextOf('/jobs?status=error,running')).toEqual({ next: '/jobs?status=error,running' });
  expect(nextOf('/')).toEqual({ next: '/' });
});

test.each([
  'https://evil.example/',
  '//evil.example/',
  '/\\evil.example/',
  '/..//evil.example/',
  '/\t/evil.example/',
  '/\n\\evil.example/',
  'javascript:alert(1)',
  'jobs',
  '',
  undefined,
  ['/jobs'],
])('but not to %j', next => {
  expect(nextOf(next)).toEqual({});
});
