import type { Values } from './draft';

/** What a new configuration begins with. */
export const BLANK: Values = {
  tag: '',
  name: '',
  version: '1.0.0',
  step_configurations: [{ tag: '', name: '', points: 1, metadata_configurations: [] }],
};

export const EXAMPLE: Values = {
  tag: 'kidney_volumes',
  name: 'Kidney volumes from an MRI',
  version: '1.0.0',
  step_configurations: [
    {
      tag: 'load',
      name: 'Load and check the images',
      points: 5,
      metadata_configurations: [{ name: 'Scanner', kind: 'text', units: null }],
    },
    {
      tag: 'segment',
      name: 'Find the kidneys',
      points: 60,
      metadata_configurations: [
        { name: 'Left volume', kind: 'number', units: 'ml' },
        { name: 'Right volume', kind: 'number', units: 'ml' },
      ],
    },
    { tag: 'review', name: 'Quality control', points: 25, metadata_configurations: [] },
    {
      tag: 'report',
      name: 'Write the report',
      points: 10,
      metadata_configurations: [{ name: 'Report', kind: 'link', units: null }],
    },
  ],
};

/** What `?from=` names: the example, or a version of a tag. A tag has no `@`. */
export function readFrom(from: string | undefined): 'blank' | 'example' | { tag: string; version: string } {
  const at = from?.indexOf('@') ?? -1;
  if (from !== undefined && at > 0) {
    return { tag: from.slice(0, at), version: from.slice(at + 1) || 'latest' };
  }
  return from === 'example' ? 'example' : from ? { tag: from, version: 'latest' } : 'blank';
}
