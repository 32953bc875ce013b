import { IconArrowDown, IconArrowUp, IconChevronDown, IconChevronRight, IconTrash } from '@tabler/icons-react';
import { type Dispatch, type KeyboardEvent, memo } from 'react';
import { counted } from '../../../model/number';
import type { Problem } from './check';
import { type Change, type DraftStep, pointsValue } from './draft';
import classes from './Form.module.css';
import { MetadataRows } from './MetadataRows';
import { RowButton } from './RowButton';
import { TextCell } from './TextCell';

export type RowActions = {
  change: Dispatch<Change>;
  moveStep: (key: number, by: -1 | 1) => void;
  removeStep: (key: number) => void;
  toggle: (key: number) => void;
};

type Props = {
  step: DraftStep;
  index: number;
  isLast: boolean;
  /** In per cent; empty while unknown. */
  share: string;
  problems: readonly Problem[];
  isOpen: boolean;
  actions: RowActions;
};

/**
 * One step of the form. It is drawn again only when something of its own changes, and its inputs only when they do: of
 * hundreds of steps every share changes with the points of one.
 */
export const StepRow = memo(function StepRow({ step, index, isLast, share, problems, isOpen, actions }: Props) {
  const pointer = `/step_configurations/${index}`;
  const inside = problems.filter(problem => problem.pointer.startsWith(`${pointer}/metadata_configurations`)).length;
  const move = (event: KeyboardEvent) => {
    if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      actions.moveStep(step.key, event.key === 'ArrowUp' ? -1 : 1);
    }
  };
  return (
    <li className={classes.step} data-step={step.key} onKeyDown={move}>
      <div className={classes.stepLine}>
        <StepFields step={step} index={index} problems={problems} change={actions.change} />
        <span className={`${classes.stepShare} quiet`}>{share}</span>
        <StepButtons
          stepKey={step.key}
          index={index}
          isLast={isLast}
          fields={step.metadata.length}
          inside={inside}
          isOpen={isOpen}
          actions={actions}
        />
      </div>
      {isOpen && <MetadataRows step={step} pointer={pointer} problems={problems} change={actions.change} />}
    </li>
  );
}, isSame);

type FieldsProps = Pick<Props, 'step' | 'index' | 'problems'> & { change: Dispatch<Change> };

const StepFields = memo(function StepFields({ step, index, problems, change }: FieldsProps) {
  const pointer = `/step_configurations/${index}`;
  const cell = (field: string, value: (text: string) => unknown = text => text) => ({
    value: step.values[field],
    pointer: `${pointer}/${field}`,
    problem: problems.find(problem => problem.pointer === `${pointer}/${field}`),
    onType: (text: string) => change({ type: 'set-step', step: step.key, field, value: value(text) }),
  });
  return (
    <>
      <span className={`${classes.place} quiet`}>{index + 1}</span>
      <TextCell label="Tag" mono {...cell('tag')} />
      <TextCell label="Name" {...cell('name')} />
      <TextCell label="Points" numeric {...cell('points', pointsValue)} />
    </>
  );
}, isSame);

type ButtonsProps = Pick<Props, 'index' | 'isLast' | 'isOpen' | 'actions'> & {
  stepKey: number;
  /** How many fields it measures, and how many problems these have. */
  fields: number;
  inside: number;
};

const StepButtons = memo(function StepButtons(props: ButtonsProps) {
  const { stepKey, index, isLast, isOpen, fields, inside, actions } = props;
  const place = index + 1;
  return (
    <>
      <button type="button" className={classes.toggle} aria-expanded={isOpen} onClick={() => actions.toggle(stepKey)}>
        {isOpen ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
        {counted(fields, 'field')}
        {inside > 0 && <span className={classes.inside}>{counted(inside, 'problem')}</span>}
        <span className={classes.said}>, step {place}</span>
      </button>
      <span className={classes.buttons}>
        <RowButton
          label={`Move step ${place} up`}
          disabled={index === 0}
          onClick={() => actions.moveStep(stepKey, -1)}
        >
          <IconArrowUp size={15} />
        </RowButton>
        <RowButton label={`Move step ${place} down`} disabled={isLast} onClick={() => actions.moveStep(stepKey, 1)}>
          <IconArrowDown size={15} />
        </RowButton>
        <RowButton label={`Remove step ${place}`} onClick={() => actions.removeStep(stepKey)}>
          <IconTrash size={15} />
        </RowButton>
      </span>
    </>
  );
});

/** Whether nothing of a row changed; problems are made anew with each check, and compared by what they say. */
function isSame<T extends { problems: readonly Problem[] }>(before: T, after: T): boolean {
  for (const name in after) {
    if (name !== 'problems' && before[name] !== after[name]) {
      return false;
    }
  }
  return (
    before.problems === after.problems ||
    (before.problems.length === after.problems.length &&
      before.problems.every((problem, index) => {
        const other = after.problems[index];
        return problem.pointer === other?.pointer && problem.message === other.message;
      }))
  );
}
