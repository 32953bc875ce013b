import type { ApiKey, Configuration, Customer, Job } from '../../api/types';

/** The first of everything, as far as there is one. */
export type Beginnings = {
  key: ApiKey | null;
  configuration: Configuration | null;
  job: Job | null;
  /** A job that has events. */
  reported: Job | null;
  customer: Customer | null;
};

export const NOTHING: Beginnings = { key: null, configuration: null, job: null, reported: null, customer: null };

export type StepName = 'key' | 'configuration' | 'job' | 'event' | 'customer';

export type ChecklistStep = {
  name: StepName;
  title: string;
  why: string;
  isDone: boolean;
  isOptional: boolean;
};

export function checklist(beginnings: Beginnings): ChecklistStep[] {
  return [
    {
      name: 'key',
      title: 'Create an API key',
      why: 'Your programs send it so that Milepost knows whose jobs they report.',
      isDone: beginnings.key !== null,
      isOptional: false,
    },
    {
      name: 'configuration',
      title: 'Register a configuration',
      why: 'It says once which steps a kind of job has and how much each counts, so that progress means something.',
      isDone: beginnings.configuration !== null,
      isOptional: false,
    },
    {
      name: 'job',
      title: 'Open a job',
      why: 'One job is one run of your program. It keeps to the version of the configuration it was opened with.',
      isDone: beginnings.job !== null,
      isOptional: false,
    },
    {
      name: 'event',
      title: 'Report events',
      why: 'One call as each step finishes is enough: the bar moves for everybody who watches.',
      isDone: beginnings.reported !== null,
      isOptional: false,
    },
    {
      name: 'customer',
      title: 'Invite a customer',
      why: 'They watch the jobs you open for them, and nothing else. Leave it out if only you look.',
      isDone: beginnings.customer !== null,
      isOptional: true,
    },
  ];
}

/** The step to do now: the first that is needed and not done. Null: all are. */
export function nextStep(steps: ChecklistStep[]): StepName | null {
  return steps.find(step => !step.isDone && !step.isOptional)?.name ?? null;
}

/** `2 of 4 done`. */
export function doneOf(steps: ChecklistStep[]): string {
  const needed = steps.filter(step => !step.isOptional);
  return `${needed.filter(step => step.isDone).length} of ${needed.length} done`;
}
