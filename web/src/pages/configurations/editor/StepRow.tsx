import { IconArrowDown, IconArrowUp, IconChevronDown, IconChevronRight, IconTrash } from '@tabler/icons-react';
import { type Dispatch, type KeyboardEvent, memo } from 'react';
import { counted } from '../shares';
import type { Problem } from './check';
import { type Change, type DraftStep, pointsValue, shownValue } from './draft';
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
  count: number;
  /** In per cent; empty while unknown. */
  share: string;
  problems: readonly Problem[];
  isOpen: boolean;
  actions: RowActions;
};

/** One step of the form. It is drawn again only when something of its own changes. */
export const StepRow = memo(function StepRow({ step, index, count, share, problems, isOpen, actions }: Props) {
  const pointer = `/step_configurations/${index}`;
  const at = (field: string) => problems.find(problem => problem.pointer === `${pointer}/${field}`);
  const set = (field: string, value: unknown) => actions.change({ type: 'set-step', step: step.key, field, value });
  const inside = problems.filter(problem => problem.pointer.startsWith(`${pointer}/metadata_configurations`)).length;
  const name = shownValue(step.values.name) || shownValue(step.values.tag) || 'without a name';
  const move = (event: KeyboardEvent) => {
    if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      actions.moveStep(step.key, event.key === 'ArrowUp' ? -1 : 1);
    }
  };
  return (
    <li className={classes.step} data-step={step.key} aria-label={`Step ${index + 1}: ${name}`} onKeyDown={move}>
      <div className={classes.stepLine}>
        <span className={`${classes.place} quiet`}>{index + 1}</span>
        <TextCell
          label="Tag"
          value={step.values.tag}
          pointer={`${pointer}/tag`}
          problem={at('tag')}
          onType={text => set('tag', text)}
          style={{ fontFamily: 'var(--mantine-font-family-monospace)' }}
        />
        <TextCell
          label="Name"
          value={step.values.name}
          pointer={`${pointer}/name`}
          problem={at('name')}
          onType={text => set('name', text)}
        />
        <TextCell
          label="Points"
          value={step.values.points}
          pointer={`${pointer}/points`}
          problem={at('points')}
          onType={text => set('points', pointsValue(text))}
          inputMode="numeric"
          style={{ textAlign: 'right' }}
        />
        <span className={`${classes.stepShare} quiet`}>{share}</span>
        <button
          type="button"
          className={classes.toggle}
          aria-expanded={isOpen}
          data-invalid={inside > 0}
          onClick={() => actions.toggle(step.key)}
        >
          {isOpen ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
          {counted(step.metadata.length, 'field')}
          {inside > 0 && <span className={classes.inside}>{counted(inside, 'problem')}</span>}
        </button>
        <span className={classes.buttons}>
          <RowButton
            label={`Move step ${index + 1} up`}
            disabled={index === 0}
            onClick={() => actions.moveStep(step.key, -1)}
          >
            <IconArrowUp size={15} />
          </RowButton>
          <RowButton
            label={`Move step ${index + 1} down`}
            disabled={index === count - 1}
            onClick={() => actions.moveStep(step.key, 1)}
          >
            <IconArrowDown size={15} />
          </RowButton>
          <RowButton label={`Remove step ${index + 1}`} onClick={() => actions.removeStep(step.key)}>
            <IconTrash size={15} />
          </RowButton>
        </span>
      </div>
      {isOpen && <MetadataRows step={step} pointer={pointer} problems={problems} change={actions.change} />}
    </li>
  );
}, isSameRow);

function isSameRow(before: Props, after: Props): boolean {
  const { problems: _, ...was } = before;
  const { problems: __, ...is } = after;
  return (
    Object.entries(is).every(([name, value]) => was[name as keyof typeof was] === value) &&
    before.problems.length === after.problems.length &&
    before.problems.every((problem, index) => {
      const other = after.problems[index];
      return problem.pointer === other?.pointer && problem.message === other.message;
    })
  );
}
