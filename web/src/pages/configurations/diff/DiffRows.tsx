import { Button } from '@mantine/core';
import { useState } from 'react';
import { counted } from '../../../model/number';
import { sharePercent } from '../shares';
import classes from './Comparison.module.css';
import type { Diff, Side, StepDiff } from './diff';
import { describeField, stepChanges } from './words';

const SIGNS = { added: '+', removed: '−', changed: '≠', moved: '↕', same: '=' } as const;
const WORDS = { added: 'Added', removed: 'Removed', changed: 'Changed', moved: 'Moved', same: 'Unchanged' } as const;

/** Step by step what was and what is, side by side; what is unchanged on demand. */
export function DiffRows({ diff }: { diff: Diff }) {
  const [showsAll, setShowsAll] = useState(false);
  const unchanged = diff.steps.filter(step => step.kind === 'same').length;
  const shown = showsAll ? diff.steps : diff.steps.filter(step => step.kind !== 'same');
  return (
    <div>
      {shown.length > 0 && (
        <ol className={classes.rows}>
          {shown.map(step => (
            <Row key={`${step.before?.step.tag} ${step.after?.step.tag}`} diff={step} />
          ))}
        </ol>
      )}
      {unchanged > 0 && !diff.isSame && (
        <Button variant="subtle" size="compact-sm" mt="xs" onClick={() => setShowsAll(!showsAll)}>
          {showsAll ? 'Hide' : 'Show'} {unchanged === 1 ? 'the unchanged step' : `the ${unchanged} unchanged steps`}
        </Button>
      )}
    </div>
  );
}

function Row({ diff }: { diff: StepDiff }) {
  const changes = stepChanges(diff);
  return (
    <li className={classes.row} data-kind={diff.kind}>
      <span className={classes.kind}>
        <span className={classes.sign} aria-hidden="true">
          {SIGNS[diff.kind]}
        </span>
        {WORDS[diff.kind]}
      </span>
      <Cell label="Was" side={diff.before} />
      <Cell label="Is" side={diff.after} />
      {changes.length > 0 && (
        <ul className={classes.changes}>
          {changes.map(change => (
            <li key={change} className="breakable">
              {change}
            </li>
          ))}
        </ul>
      )}
      {(diff.before === null || diff.after === null) && <Fields side={diff.after ?? diff.before} />}
    </li>
  );
}

function Cell({ label, side }: { label: string; side: Side | null }) {
  if (side === null) {
    return <span className={`${classes.nothing} quiet`}>–</span>;
  }
  const { step, place, share } = side;
  return (
    <div className={classes.cell}>
      <span className={classes.label}>{label}: </span>
      <span className="breakable">
        {place}. {step.name}
      </span>
      <span className={`${classes.line} mono quiet breakable`}>{step.tag}</span>
      <span className={`${classes.line} quiet`}>
        {counted(step.points, 'point')}, {sharePercent(share)}
      </span>
    </div>
  );
}

/** What an added or removed step measures. */
function Fields({ side }: { side: Side | null }) {
  const fields = side?.step.metadata_configurations ?? [];
  return fields.length === 0 ? null : (
    <ul className={classes.changes}>
      {fields.map(field => (
        <li key={field.name} className="breakable">
          {field.name} <span className="quiet">{describeField(field)}</span>
        </li>
      ))}
    </ul>
  );
}
