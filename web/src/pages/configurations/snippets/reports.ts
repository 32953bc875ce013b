import type { MetadataKind, NewStep } from '../../../api/types';
import type { Scalar, Values } from './quoting';

/** What the snippets are filled with. */
export type Subject = {
  /** The server, as `https://milepost.example`. */
  address: string;
  tag: string;
  /** Named when opening a job; null where the newest is meant, which needs no name. */
  version: string | null;
  providerJobId: string;
  steps: readonly NewStep[];
};

/** An event, as every language tells it in its own way. */
export type Report = {
  kind: 'info' | 'error' | 'step' | 'complete';
  tag?: string;
  fraction?: number;
  text?: string;
  metadata?: Values;
};

export const EXAMPLE_VALUES: Record<MetadataKind, Scalar> = {
  number: 12.5,
  text: 'example',
  link: 'https://example.org/report.pdf',
};

/** What is told of one job after it was opened, in groups. The reports can be sent one after another as they are. */
export function jobReports({ steps }: Subject): { title: string; reports: Report[] }[] {
  const [first] = steps;
  const ofFirst = first === undefined ? {} : { tag: first.tag };
  const half = first === undefined ? {} : { fraction: 0.5 };
  const groups: { title: string; reports: Report[] }[] = [
    {
      title: first === undefined ? 'Tell the news' : 'Tell how far a step is, from 0 to 1',
      reports: [{ kind: 'info', ...ofFirst, ...half, text: 'Half of it is done' }],
    },
    {
      title: 'Report what failed',
      reports: [{ kind: 'error', ...ofFirst, text: 'What failed, and what to do about it' }],
    },
    {
      title: steps.length === 1 ? 'Finish the step' : `Finish each of the ${steps.length} steps`,
      reports: steps.map(step => ({ kind: 'step', tag: step.tag, metadata: metadataOf(step) })),
    },
    { title: 'Complete the job', reports: [{ kind: 'complete' }] },
  ];
  return groups.filter(({ reports }) => reports.length > 0);
}

function metadataOf(step: NewStep): Values {
  const fields = step.metadata_configurations ?? [];
  return fields.map(({ name, kind }) => [name, EXAMPLE_VALUES[kind ?? 'text']]);
}
