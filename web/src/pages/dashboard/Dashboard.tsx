import { Grid, Stack } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { jobKeys } from '../../api/queries';
import { PageHeading } from '../../components/PageHeading';
import { Failed, Loading } from '../../components/States';
import { EventsChart } from './EventsChart';
import { ExpiringKeys } from './ExpiringKeys';
import { FailedJobs } from './FailedJobs';
import { Figures } from './Figures';
import { startOfDay } from './figures';
import { OpenSteps } from './OpenSteps';
import { summaryQuery } from './queries';
import { RunningJobs } from './RunningJobs';
import { useNow } from './useNow';
import { useOnEvents } from './useOnEvents';

/** How often the figures are read again while events come. */
const PAUSE = 5_000;

export function Dashboard() {
  const client = useQueryClient();
  const summary = useQuery(summaryQuery(startOfDay(useNow())));
  useOnEvents(PAUSE, () => void client.invalidateQueries({ queryKey: jobKeys.summary }));
  return (
    <>
      <PageHeading title="Dashboard" />
      <Stack gap="lg">
        <OpenSteps />
        {summary.data ? (
          <>
            <Figures summary={summary.data} />
            <EventsChart hours={summary.data.hours} />
          </>
        ) : summary.isError ? (
          <Failed error={summary.error} retry={() => void summary.refetch()} />
        ) : (
          <Loading label="Loading the figures" />
        )}
        <Grid gap="xl">
          <Grid.Col span={{ base: 12, md: 7 }}>
            <RunningJobs />
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 5 }}>
            <Stack gap="xl">
              <FailedJobs />
              <ExpiringKeys />
            </Stack>
          </Grid.Col>
        </Grid>
      </Stack>
    </>
  );
}
