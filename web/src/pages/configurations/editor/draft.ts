/**
 * The document that the form works on. It holds whatever JSON was typed, fitting or not, so that going from one editor to
 * the other loses nothing; what does not fit is for the check to tell.
 */

export type Values = Readonly<Record<string, unknown>>;
export type DraftField = { key: number; values: Values };
export type DraftStep = { key: number; values: Values; metadata: readonly DraftField[] };
export type Draft = { values: Values; steps: readonly DraftStep[] };

let lastKey = 0;

/** What tells rows apart however they are moved and named. */
function newKey(): number {
  lastKey += 1;
  return lastKey;
}

export function newStep(): DraftStep {
  return { key: newKey(), values: { tag: '', name: '', points: 1 }, metadata: [] };
}

/** A document as the form needs it, or why the form cannot show it. */
export function readDraft(document: unknown): Draft | string {
  if (!isObject(document)) {
    return 'A configuration is an object: { … }.';
  }
  const { step_configurations: steps = [], ...values } = document;
  if (!Array.isArray(steps) || !steps.every(isObject)) {
    return 'step_configurations must be a list of objects before the form can show it.';
  }
  const read: DraftStep[] = [];
  for (const [index, step] of steps.entries()) {
    const { metadata_configurations, ...stepValues } = step;
    const metadata = metadata_configurations ?? [];
    if (!Array.isArray(metadata) || !metadata.every(isObject)) {
      return `metadata_configurations of step ${index + 1} must be a list of objects before the form can show it.`;
    }
    read.push({
      key: newKey(),
      values: stepValues,
      metadata: metadata.map(field => ({ key: newKey(), values: field })),
    });
  }
  return { values, steps: read };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const stepDocuments = new WeakMap<DraftStep, Values>();

/** The draft as JSON. A step that did not change is the same object again, so that it need not be checked again. */
export function documentOf({ values, steps }: Draft): Values {
  return {
    ...inOrder(values, ['$schema', 'tag', 'name', 'version']),
    step_configurations: steps.map(step => {
      const known = stepDocuments.get(step) ?? {
        ...inOrder(step.values, ['tag', 'name', 'points']),
        metadata_configurations: step.metadata.map(field => inOrder(field.values, ['name', 'kind', 'units'])),
      };
      stepDocuments.set(step, known);
      return known;
    }),
  };
}

/** The values with these names first. */
function inOrder(values: Values, names: readonly string[]): Values {
  const first = names.filter(name => Object.hasOwn(values, name)).map(name => [name, values[name]] as const);
  return { ...Object.fromEntries(first), ...values };
}

/** What happens to a draft. A value that is undefined leaves the document. */
export type Change =
  | { type: 'replace'; draft: Draft }
  | { type: 'set'; field: string; value: unknown }
  | { type: 'add-step'; step: DraftStep }
  | { type: 'remove-step'; step: number }
  | { type: 'move-step'; step: number; by: -1 | 1 }
  | { type: 'set-step'; step: number; field: string; value: unknown }
  | { type: 'add-field'; step: number }
  | { type: 'remove-field'; step: number; key: number }
  | { type: 'move-field'; step: number; key: number; by: -1 | 1 }
  | { type: 'set-field'; step: number; key: number; field: string; value: unknown };

export function changeDraft(draft: Draft, change: Change): Draft {
  const changeStep = (key: number, apply: (step: DraftStep) => DraftStep): Draft => ({
    ...draft,
    steps: draft.steps.map(step => (step.key === key ? apply(step) : step)),
  });
  switch (change.type) {
    case 'replace':
      return change.draft;
    case 'set':
      return { ...draft, values: withValue(draft.values, change.field, change.value) };
    case 'add-step':
      return { ...draft, steps: [...draft.steps, change.step] };
    case 'remove-step':
      return { ...draft, steps: draft.steps.filter(step => step.key !== change.step) };
    case 'move-step':
      return { ...draft, steps: moved(draft.steps, change.step, change.by) };
    case 'set-step':
      return changeStep(change.step, step => ({
        ...step,
        values: withValue(step.values, change.field, change.value),
      }));
    case 'add-field': {
      const field = { key: newKey(), values: { name: '', kind: 'number', units: null } };
      return changeStep(change.step, step => ({ ...step, metadata: [...step.metadata, field] }));
    }
    case 'remove-field':
      return changeStep(change.step, step => ({
        ...step,
        metadata: step.metadata.filter(field => field.key !== change.key),
      }));
    case 'move-field':
      return changeStep(change.step, step => ({ ...step, metadata: moved(step.metadata, change.key, change.by) }));
    case 'set-field':
      return changeStep(change.step, step => ({
        ...step,
        metadata: step.metadata.map(field =>
          field.key === change.key
            ? { ...field, values: withValue(field.values, change.field, change.value) }
            : field,
        ),
      }));
  }
}

function withValue(values: Values, field: string, value: unknown): Values {
  const { [field]: _, ...others } = values;
  return value === undefined ? others : { ...values, [field]: value };
}

/** The list with one row a place further; at the end of the list nothing changes. */
function moved<T extends { key: number }>(rows: readonly T[], key: number, by: -1 | 1): readonly T[] {
  const from = rows.findIndex(row => row.key === key);
  const row = rows[from];
  const other = rows[from + by];
  if (row === undefined || other === undefined) {
    return rows;
  }
  return rows.with(from, other).with(from + by, row);
}

/** What an input shows of a value: text as it is, anything else as JSON. */
export function shownValue(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
}

/** What is typed as points: a number if it is one, else the text, for the check to complain of. */
export function pointsValue(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') {
    return undefined;
  }
  const number = Number(trimmed);
  return /^-?\d+(\.\d+)?$/.test(trimmed) && String(number) === trimmed ? number : text;
}

/** The points and names of the steps as far as they make sense already, for the preview. */
export function previewSteps({ steps }: Draft): { tag: string; name: string; points: number }[] {
  return steps.map(({ values }, index) => ({
    tag: shownValue(values.tag),
    name: shownValue(values.name) || `Step ${index + 1}`,
    points: typeof values.points === 'number' && values.points > 0 ? values.points : 0,
  }));
}
