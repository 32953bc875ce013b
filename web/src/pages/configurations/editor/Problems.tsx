import { Title } from '@mantine/core';
import { counted } from '../../../model/number';
import classes from './Bar.module.css';
import { placeWords } from './places';
import type { Editor } from './useEditor';

/** The most problems that are listed; after these the list is no help. */
const MOST = 30;

/** All that keeps the document from being registered, each leading to its place. */
export function Problems({ editor, goTo }: { editor: Editor; goTo: (pointer: string) => void }) {
  const { problems, document, unreadable } = editor;
  if (unreadable !== null) {
    return (
      <p className={classes.unreadable} role="status">
        {unreadable}
      </p>
    );
  }
  if (problems.length === 0) {
    return null;
  }
  return (
    <section>
      <Title order={2} mb={4}>
        {counted(problems.length, 'problem')} to mend
      </Title>
      <ul className={classes.problems}>
        {problems.slice(0, MOST).map(({ pointer, message }) => (
          <li key={`${pointer} ${message}`}>
            <button type="button" className={classes.problem} onClick={() => goTo(pointer)}>
              <span className={classes.where}>{placeWords(document, pointer)}</span> {message}
            </button>
          </li>
        ))}
      </ul>
      {problems.length > MOST && <p className="quiet">… and {problems.length - MOST} more.</p>}
    </section>
  );
}
