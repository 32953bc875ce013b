import { Button, Group, Paper, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ButtonLink } from '../../../components/Links';
import { versionsQuery } from '../queries';
import { nextVersion } from '../semver';
import classes from './Bar.module.css';
import { type Difference, differenceWords, takeVersion } from './conflict';
import { Notice } from './Notice';
import type { Editor } from './useEditor';

export type ConflictOf = { tag: string; version: string; differences: Difference[] };

const MOST = 20;

/** Tag and version are registered with other content: what differs, and a version that is free. */
export function Conflict({ conflict, editor }: { conflict: ConflictOf; editor: Editor }) {
  const { tag, version, differences } = conflict;
  const versions = useQuery(versionsQuery(tag));
  const free = versions.data && nextVersion(version, [version, ...versions.data.map(known => known.version)]);
  return (
    <Notice>
      <Paper>
        <Stack gap="xs">
          <Title order={2} className="breakable">
            {tag} {version} is registered with other content
          </Title>
          <ul className={`${classes.differences} breakable`}>
            {differences.slice(0, MOST).map(difference => (
              <li key={difference.pointer}>{differenceWords(difference)}</li>
            ))}
            {differences.length > MOST && <li>… and {differences.length - MOST} more</li>}
          </ul>
          <Group gap="xs">
            {free !== undefined && <Button onClick={() => takeVersion(editor, free)}>Make it version {free}</Button>}
            <ButtonLink
              variant="default"
              to="/configurations/$tag"
              params={{ tag }}
              search={{ version }}
              target="_blank"
              rel="noopener"
            >
              See what is registered
            </ButtonLink>
          </Group>
        </Stack>
      </Paper>
    </Notice>
  );
}
