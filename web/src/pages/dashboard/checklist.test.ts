import { expect, it } from 'vitest';
import type { ApiKey, Configuration, Customer, Job } from '../../api/types';
import { type Beginnings, checklist, doneOf, NOTHING, nextStep } from './checklist';

const key = {} as ApiKey;
const configuration = {} as Configuration;
const job = {} as Job;

const told = (beginnings: Beginnings) => {
  const steps = checklist(beginnings);
  return [nextStep(steps), doneOf(steps)];
};

it('goes from the key to the first event', () => {
  expect(told(NOTHING)).toEqual(['key', '0 of 4 done']);
  expect(told({ ...NOTHING, key })).toEqual(['configuration', '1 of 4 done']);
  expect(told({ ...NOTHING, key, configuration })).toEqual(['job', '2 of 4 done']);
  expect(told({ ...NOTHING, key, configuration, job })).toEqual(['event', '3 of 4 done']);
  expect(told({ ...NOTHING, key, configuration, job, reported: job })).toEqual([null, '4 of 4 done']);
});

it('takes what was done out of order', () => {
  expect(told({ ...NOTHING, configuration })).toEqual(['key', '1 of 4 done']);
});

it('does not wait for a customer, nor count one', () => {
  expect(told({ ...NOTHING, customer: {} as Customer })).toEqual(['key', '0 of 4 done']);
});
