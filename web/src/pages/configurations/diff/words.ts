import type { NewMetadata } from '../../../api/types';
import { counted } from '../../../model/number';
import { sharePercent } from '../shares';
import { type Diff, type FieldDiff, kindOf, type StepDiff, unitsOf } from './diff';

/** What became of a step, a sentence for each change. */
export function stepChanges(diff: StepDiff): string[] {
  const { before, after } = diff;
  if (before === null || after === null) {
    return [];
  }
  const changes: string[] = [];
  if (diff.moved) {
    changes.push(`Moved from place ${before.place} to ${after.place}`);
  }
  if (before.step.tag !== after.step.tag) {
    changes.push(`Tag is now “${after.step.tag}”, was “${before.step.tag}”: events must use the new one`);
  }
  if (before.step.name !== after.step.name) {
    changes.push(`Renamed from “${before.step.name}” to “${after.step.name}”`);
  }
  if (before.step.points !== after.step.points) {
    const [less, more] = [before.step.points, after.step.points];
    const shares = `${sharePercent(before.share)} → ${sharePercent(after.share)} of the job`;
    changes.push(`Points ${less.toLocaleString('en')} → ${more.toLocaleString('en')} (${shares})`);
  }
  return [...changes, ...diff.fields.flatMap(field => fieldChange(field) ?? [])];
}

/** What became of a metadata field; null if nothing. */
export function fieldChange({ kind, name, before, after }: FieldDiff): string | null {
  switch (kind) {
    case 'added':
      return `Metadata “${name}” added: ${after && describeField(after)}`;
    case 'removed':
      return `Metadata “${name}” removed: was ${before && describeField(before)}`;
    case 'moved':
      return `Metadata “${name}” moved`;
    case 'same':
      return null;
    case 'changed':
      return before && after && `Metadata “${name}”: ${fieldValues(before, after).join(', ')}`;
  }
}

function fieldValues(before: NewMetadata, after: NewMetadata): string[] {
  const changes: string[] = [];
  if (kindOf(before) !== kindOf(after)) {
    changes.push(`kind ${kindOf(before)} → ${kindOf(after)}`);
  }
  if (unitsOf(before) !== unitsOf(after)) {
    changes.push(`units ${unitsOf(before) || 'none'} → ${unitsOf(after) || 'none'}`);
  }
  return changes;
}

/** `number in ml`. */
export function describeField(field: NewMetadata): string {
  return unitsOf(field) === '' ? kindOf(field) : `${kindOf(field)} in ${unitsOf(field)}`;
}

/** The whole in a few words: `1 step added, 2 changed; 100 → 120 points`. */
export function summarise({ steps, points, name, isSame }: Diff): string {
  if (isSame) {
    return 'No difference';
  }
  const count = (kind: StepDiff['kind']) => steps.filter(step => step.kind === kind).length;
  const parts: string[] = [];
  for (const kind of ['added', 'removed', 'changed', 'moved'] as const) {
    if (count(kind) > 0) {
      parts.push(`${parts.length === 0 ? counted(count(kind), 'step') : count(kind)} ${kind}`);
    }
  }
  const clauses = parts.length > 0 ? [parts.join(', ')] : [];
  if (name.before !== name.after) {
    clauses.push('renamed');
  }
  if (points.before !== points.after) {
    clauses.push(`total ${points.before.toLocaleString('en')} → ${points.after.toLocaleString('en')} points`);
  }
  return clauses.join('; ');
}
