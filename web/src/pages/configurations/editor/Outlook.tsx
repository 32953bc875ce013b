import { Button } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { outlookQuery } from '../queries';
import { VersionFit } from '../VersionFit';
import { valueAt } from './check';
import { takeVersion } from './conflict';
import { shownValue } from './draft';
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
  const check = outlook.data?.version_check;
  if (!check || text === '' || outlook.isError) {
    return null;
  }
  const { suggested } = check;
  return (
    <div role="status">
      <VersionFit check={check} version={shownValue(valueAt(document, '/version'))} isRegistered={false}>
        {suggested !== null && (
          <Button size="compact-sm" variant="default" onClick={() => takeVersion(editor, suggested)}>
            Make it version {suggested}
          </Button>
        )}
      </VersionFit>
    </div>
  );
}
