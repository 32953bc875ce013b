import type { Configuration, FieldFigures } from '../../api/types';
import { counted, readable, withUnits } from '../../model/number';

/** The steps of a configuration that measure numbers. */
export function measuredSteps(configuration: Configuration | undefined): { tag: string; name: string }[] {
  return (configuration?.step_configurations ?? [])
    .filter(step => step.metadata_configurations.some(({ kind }) => kind === 'number'))
    .map(({ tag, name }) => ({ tag, name }));
}

/** The step that the address names, `tag/step`, if it is one of them; else the first. */
export function chosenStep(steps: { tag: string }[], tag: string, chosen: string | undefined): string | undefined {
  const named = chosen?.startsWith(`${tag}/`) ? chosen.slice(tag.length + 1) : undefined;
  return (steps.find(step => step.tag === named) ?? steps[0])?.tag;
}

/** How a number is spread, in a sentence. */
export function fieldInWords({ samples, min, p10, median, p90, max, units }: FieldFigures): string {
  const tell = (value: number) => readable(Number(value.toPrecision(4)));
  if (min === max) {
    return `${counted(samples, 'job')}, all of them ${withUnits(tell(min), units)}.`;
  }
  return (
    `${counted(samples, 'job')}: median ${withUnits(tell(median), units)}, ` +
    `8 of 10 between ${tell(p10)} and ${tell(p90)}, all between ${tell(min)} and ${tell(max)}.`
  );
}
