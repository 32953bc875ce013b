import { Group, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Configuration } from '../../../api/types';
import { ButtonLink } from '../../../components/Links';
import { Failed, Loading } from '../../../components/States';
import { configurationQuery } from '../queries';
import { SharesBar } from '../SharesBar';
import classes from './Comparison.module.css';
import { DiffRows } from './DiffRows';
import { diffConfigurations } from './diff';
import { summarise } from './words';

/** What became of a version in another one. */
export function Comparison({ before, after }: { before: string; after: Configuration }) {
  const older = useQuery(configurationQuery(after.tag, before));
  return (
    <section>
      <Group justify="space-between" mb="xs">
        <Title order={2} className="breakable">
          From {before} to {after.version}
        </Title>
        <Group gap="xs">
          <ButtonLink
            variant="default"
            size="compact-sm"
            to="/configurations/$tag"
            params={{ tag: after.tag }}
            search={{ version: before, compare: after.version }}
            resetScroll={false}
          >
            The other way round
          </ButtonLink>
        </Group>
      </Group>
      {older.isPending && <Loading lines={4} />}
      {older.isError && <Failed error={older.error} retry={() => void older.refetch()} />}
      {older.isSuccess && <Differences before={older.data} after={after} />}
    </section>
  );
}

function Differences({ before, after }: { before: Configuration; after: Configuration }) {
  const diff = useMemo(() => diffConfigurations(before, after), [before, after]);
  return (
    <Stack gap="sm">
      <p className={classes.summary}>{summarise(diff)}.</p>
      {diff.name.before !== diff.name.after && (
        <p className={`${classes.summary} breakable`}>
          Renamed from “{diff.name.before}” to “{diff.name.after}”.
        </p>
      )}
      <div className={classes.bars}>
        <span className="mono quiet breakable">{before.version}</span>
        <SharesBar steps={before.step_configurations} />
        <span className="mono quiet breakable">{after.version}</span>
        <SharesBar steps={after.step_configurations} />
      </div>
      <DiffRows diff={diff} />
    </Stack>
  );
}
