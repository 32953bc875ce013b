import { Button } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { outlookQuery } from '../queries';
import { fitWords, misfitWords } from '../versionFit';
import classes from './Bar.module.css';
import { takeVersion } from './conflict';
import type { Editor } from './useEditor';

/** How long nothing changes before the server is asked. */
const PAUSE = 400;

/** Whether the version fits what changes, as the server judges it, and one that does. */
export function Outlook({ editor }: { editor: Editor }) {
  const { document, problems } = editor;
  // As text: the document is another object whenever it is read.
  const text = document === undefined || problems.length > 0 ? '' : JSON.stringify(document);
  const [settled] = useDebouncedValue(text, PAUSE);
  const outlook = useQuery({
    ...outlookQuery(settled),
    enabled: settled !== '' && settled === text,
    placeholderData: keepPreviousData,
  });
  const { version_check: check, version = '' } = outlook.data ?? {};
  if (!check || text === '') {
    return null;
  }
  const { fits, suggested } = check;
  return (
    <div role="status" className={classes.outlook} data-fits={fits}>
      <span className="breakable">
        {fits ? fitWords(check, version) : `${misfitWords(check)}; this is ${version}.`}
      </span>
      {!fits && suggested !== null && (
        <Button size="compact-sm" variant="default" onClick={() => takeVersion(editor, suggested)}>
          Make it version {suggested}
        </Button>
      )}
    </div>
  );
}
