import type { NewConfiguration, NewMetadata, NewStep } from '../../../api/types';
import { sharesOf, totalPoints } from '../shares';

/** What one side of a comparison needs to be: a document, registered or not. */
export type Comparable = Pick<NewConfiguration, 'name' | 'step_configurations'>;

/** A step on one side: with its place, from 1, and its share of the whole. */
export type Side = { step: NewStep; place: number; share: number };

export type FieldDiff = {
  kind: 'added' | 'removed' | 'changed' | 'moved' | 'same';
  name: string;
  before: NewMetadata | null;
  after: NewMetadata | null;
};

export type StepDiff = {
  /** `moved`: nothing but its place is another. */
  kind: 'added' | 'removed' | 'changed' | 'moved' | 'same';
  before: Side | null;
  after: Side | null;
  /** Its place among the steps that both sides have is another, whatever else is. */
  moved: boolean;
  fields: FieldDiff[];
};

export type Diff = {
  name: { before: string; after: string };
  points: { before: number; after: number };
  /** The steps of the newer side in order; what was removed stands where it was. */
  steps: StepDiff[];
  isSame: boolean;
};

/** What became of one configuration in another. */
export function diffConfigurations(before: Comparable, after: Comparable): Diff {
  const olds = sidesOf(before);
  const news = sidesOf(after);
  const pairs = pairSteps(olds, news);
  const staying = new Set(longestRun(news.flatMap(side => pairs.get(side)?.place ?? [])));
  const diffs = news.map(side => {
    const old = pairs.get(side) ?? null;
    return diffStep(old, side, old !== null && !staying.has(old.place));
  });
  const paired = new Set(pairs.values());
  const steps = withRemoved(
    diffs,
    olds.filter(old => !paired.has(old)).map(old => diffStep(old, null, false)),
  );
  return {
    name: { before: before.name, after: after.name },
    points: { before: totalPoints(before.step_configurations), after: totalPoints(after.step_configurations) },
    steps,
    isSame: before.name === after.name && steps.every(step => step.kind === 'same'),
  };
}

function sidesOf({ step_configurations: steps }: Comparable): Side[] {
  const shares = sharesOf(steps);
  return steps.map((step, index) => ({ step, place: index + 1, share: shares[index] ?? 0 }));
}

/** The older side of each newer step: that of the same tag; else the only one left of the same name, under a new tag. */
function pairSteps(olds: Side[], news: Side[]): Map<Side, Side> {
  const byTag = new Map(olds.map(old => [old.step.tag, old]));
  const pairs = new Map<Side, Side>();
  for (const side of news) {
    const old = byTag.get(side.step.tag);
    if (old !== undefined) {
      pairs.set(side, old);
    }
  }
  const paired = new Set(pairs.values());
  const oldsLeft = olds.filter(old => !paired.has(old));
  const newsLeft = news.filter(side => !pairs.has(side));
  for (const side of newsLeft) {
    const old = onlyOneNamed(oldsLeft, side.step.name);
    if (old !== null && onlyOneNamed(newsLeft, side.step.name) !== null) {
      pairs.set(side, old);
    }
  }
  return pairs;
}

function onlyOneNamed(sides: Side[], name: string): Side | null {
  const [first, ...others] = sides.filter(side => side.step.name === name);
  return first !== undefined && others.length === 0 ? first : null;
}

/** The longest run of ascending numbers, in order: what kept its place when the rest was moved around it. */
export function longestRun(places: number[]): number[] {
  const tails: number[] = [];
  const previous = new Map<number, number | undefined>();
  for (const place of places) {
    const found = tails.findIndex(tail => tail >= place);
    const length = found === -1 ? tails.length : found;
    previous.set(place, tails[length - 1]);
    tails[length] = place;
  }
  const run: number[] = [];
  for (let place = tails.at(-1); place !== undefined; place = previous.get(place)) {
    run.unshift(place);
  }
  return run;
}

function diffStep(before: Side | null, after: Side | null, moved: boolean): StepDiff {
  const fields = diffFields(before?.step.metadata_configurations ?? [], after?.step.metadata_configurations ?? []);
  const isSame =
    before?.step.tag === after?.step.tag &&
    before?.step.name === after?.step.name &&
    before?.step.points === after?.step.points &&
    fields.every(field => field.kind === 'same');
  const kind =
    before === null ? 'added' : after === null ? 'removed' : !isSame ? 'changed' : moved ? 'moved' : 'same';
  return { kind, before, after, moved, fields };
}

function diffFields(before: readonly NewMetadata[], after: readonly NewMetadata[]): FieldDiff[] {
  const olds = new Map(before.map((field, place) => [field.name, { field, place }]));
  const names = new Set(after.map(field => field.name));
  const staying = new Set(longestRun(after.flatMap(field => olds.get(field.name)?.place ?? [])));
  const kept = after.map((field): FieldDiff => {
    const old = olds.get(field.name);
    if (old === undefined) {
      return { kind: 'added', name: field.name, before: null, after: field };
    }
    const isChanged = kindOf(old.field) !== kindOf(field) || unitsOf(old.field) !== unitsOf(field);
    const kind = isChanged ? 'changed' : staying.has(old.place) ? 'same' : 'moved';
    return { kind, name: field.name, before: old.field, after: field };
  });
  const removed = before
    .filter(field => !names.has(field.name))
    .map((field): FieldDiff => ({ kind: 'removed', name: field.name, before: field, after: null }));
  return [...kept, ...removed];
}

export function kindOf(field: NewMetadata): string {
  return field.kind ?? 'text';
}

export function unitsOf(field: NewMetadata): string {
  return field.units ?? '';
}

/** Puts each removed step behind the step it stood behind. */
function withRemoved(diffs: StepDiff[], removed: StepDiff[]): StepDiff[] {
  const placed = [...diffs];
  for (const gone of removed) {
    const place = gone.before?.place ?? 0;
    const behind = placed.findLastIndex(({ before, moved }) => before !== null && !moved && before.place < place);
    placed.splice(behind + 1, 0, gone);
  }
  return placed;
}
