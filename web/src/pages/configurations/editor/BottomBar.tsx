import { Button } from '@mantine/core';
import { counted } from '../../../model/number';
import { SharesBar } from '../SharesBar';
import { totalPoints } from '../shares';
import classes from './Bar.module.css';
import { Outlook } from './Outlook';
import type { Editor } from './useEditor';

/** What it comes to as it stands: total points, each step's share, and the way to register it. */
export function BottomBar({ editor, isSaving, save }: { editor: Editor; isSaving: boolean; save: () => void }) {
  const { steps, problems, unreadable } = editor;
  const state = unreadable !== null ? 'No JSON yet' : problems.length > 0 ? counted(problems.length, 'problem') : '';
  return (
    <div className={classes.bar}>
      <Outlook editor={editor} />
      <div className={classes.total}>
        {steps === null ? (
          <span className="quiet">No preview yet</span>
        ) : (
          <>
            <strong>{counted(totalPoints(steps), 'point')}</strong>{' '}
            <span className="quiet">in {counted(steps.length, 'step')}</span>
          </>
        )}
      </div>
      <div className={classes.preview}>
        {steps !== null && <SharesBar steps={steps} size="heading" />}
        {steps !== null && <Note steps={steps} />}
      </div>
      <div className={classes.save}>
        <span className={classes.count} aria-live="polite">
          {state}
        </span>
        <Button onClick={save} loading={isSaving}>
          Register
        </Button>
      </div>
    </div>
  );
}

/** What is allowed, but may not be what was meant. */
function Note({ steps }: { steps: { points: number }[] }) {
  if (steps.length === 0) {
    return <span className={classes.note}>No steps: its jobs have no progress until they are complete.</span>;
  }
  return totalPoints(steps) === 0 ? (
    <span className={classes.note}>No step has points: each weighs the same.</span>
  ) : null;
}
