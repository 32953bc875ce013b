import { Button, Center, Stack } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { Configuration } from '../../api/types';
import { ButtonLink, TextLink } from '../../components/Links';
import { PageHeading } from '../../components/PageHeading';
import { Empty, Failed, Loading } from '../../components/States';
import { Time } from '../../components/Time';
import classes from './Configurations.module.css';
import { newestQuery } from './queries';
import { SharesBar } from './SharesBar';
import { totalPoints } from './shares';

export function Configurations() {
  const list = useInfiniteQuery(newestQuery);
  const rows = list.data?.pages.flatMap(page => page.items) ?? [];
  return (
    <>
      <PageHeading
        title="Configurations"
        lead="The kinds of job you run, each with its steps and what they are worth."
        actions={rows.length > 0 && <NewButton />}
      />
      {list.isPending && <Loading />}
      {list.isError && rows.length === 0 && <Failed error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && rows.length === 0 && <NoConfigurations />}
      {rows.length > 0 && (
        <Stack>
          <List rows={rows} />
          {list.hasNextPage && (
            <Center>
              <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                Show more
              </Button>
            </Center>
          )}
        </Stack>
      )}
    </>
  );
}

function NewButton() {
  return (
    <ButtonLink to="/configurations/new" leftSection={<IconPlus size={16} />}>
      New configuration
    </ButtonLink>
  );
}

function NoConfigurations() {
  return (
    <Empty
      title="No configurations yet"
      action={
        <ButtonLink to="/configurations/new" search={{ from: 'example' }} mt="xs">
          New configuration
        </ButtonLink>
      }
    >
      A configuration names the steps of one kind of job, what each is worth, and what it measures. Register one, and
      your programs can open jobs of it. You begin with an example that you change as you need.
    </Empty>
  );
}

function List({ rows }: { rows: Configuration[] }) {
  return (
    <div className={classes.frame}>
      <div className={classes.head} aria-hidden="true">
        <span>Configuration</span>
        <span>Newest</span>
        <span className={classes.number}>Steps</span>
        <span className={classes.number}>Points</span>
        <span>Share of each step</span>
        <span>Registered</span>
        <span />
      </div>
      <ul className={classes.list}>
        {rows.map(row => (
          <Row key={row.id} configuration={row} />
        ))}
      </ul>
    </div>
  );
}

function Row({ configuration }: { configuration: Configuration }) {
  const { tag, name, version, step_configurations: steps, created_at } = configuration;
  const points = totalPoints(steps);
  return (
    <li className={classes.row}>
      <div className={classes.name}>
        <TextLink to="/configurations/$tag" params={{ tag }} className={`${classes.clamped} breakable`}>
          {name}
        </TextLink>
        <span className="mono quiet breakable">{tag}</span>
      </div>
      <span className={`${classes.version} ${classes.clamped} mono breakable`} title={version}>
        {version}
      </span>
      <span className={classes.number}>
        {steps.length} <span className={classes.label}>{steps.length === 1 ? 'step' : 'steps'}</span>
      </span>
      <span className={classes.number}>
        {points.toLocaleString('en')} <span className={classes.label}>{points === 1 ? 'point' : 'points'}</span>
      </span>
      <div className={classes.bar}>
        <SharesBar steps={steps} />
      </div>
      <span className={classes.when}>
        <Time at={created_at} />
      </span>
      <TextLink to="/jobs" search={{ tag }} className={classes.jobs} aria-label={`Jobs of ${name}`}>
        Jobs
      </TextLink>
    </li>
  );
}
