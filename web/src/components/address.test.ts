import { expect, test } from 'vitest';
import { safeAddress, shortAddress } from './address';

test('only http and https are followed', () => {
  expect(safeAddress('https://example.org/a?b=c#d')).toBe('https://example.org/a?b=c#d');
  expect(safeAddress('HTTP://example.org')).toBe('http://example.org/');
});

test.each([
  'javascript:alert(1)',
  ' javascript:alert(1)',
  'java\nscript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:x',
  'file:///etc/passwd',
  '//example.org',
  '/jobs',
  'https://',
  'blob:https://example.org/1',
])('%j stays text', text => {
  expect(safeAddress(text)).toBeNull();
});

test('a long address keeps its host and its end', () => {
  expect(shortAddress('https://example.org/report.pdf')).toBe('example.org/report.pdf');
  const short = shortAddress(`https://example.org/${'folder/'.repeat(20)}report.pdf`);
  expect(short.startsWith('example.org/…')).toBe(true);
  expect(short.endsWith('/report.pdf')).toBe(true);
  expect(short.length).toBeLessThanOrEqual(50);
});
