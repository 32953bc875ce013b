import { Button, SegmentedControl } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { PageHeading } from '../../components/PageHeading';
import { SpanFilter } from '../../components/SpanFilter';
import { Empty, Failed, Loading } from '../../components/States';
import { useToday } from '../../components/useToday';
import { VersionFilter } from '../../components/VersionFilter';
import { ownZone, spanInWords } from '../../model/spans';
import { useOnEvents } from '../dashboard/useOnEvents';
import { CustomerFilter } from '../jobs/CustomerFilter';
import { TagFilter } from '../jobs/TagFilter';
import classes from './Analytics.module.css';
import { CustomersPart } from './CustomersPart';
import { type AnalyticsFilter, hasDays, isOfToday, type Question, questionOf, SPANS, USUAL } from './filter';
import { JobsPart } from './JobsPart';
import { MeasurementsPart } from './MeasurementsPart';
import { isNothing } from './parts';
import { analyticsKey, jobFigures } from './queries';
import { StepsPart } from './StepsPart';
import { beforeInWords } from './words';

const route = getRouteApi('/signed-in/provider/analytics');

/** How often the figures are read again while events come. */
const PAUSE = 20_000;

export function Analytics() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const client = useQueryClient();
  const zone = ownZone();
  const today = useToday(zone);
  const question = questionOf(filter, today, zone);
  const jobs = useQuery(jobFigures(question));
  const change = (part: AnalyticsFilter) => void navigate({ search: { ...filter, ...part }, resetScroll: false });
  useOnEvents(
    PAUSE,
    () =>
      isOfToday(question, today) && void client.invalidateQueries({ queryKey: analyticsKey, refetchType: 'active' }),
  );
  return (
    <div className={classes.page}>
      <PageHeading
        title="Analytics"
        lead={
          <>
            {spanInWords({ first: question.from, last: question.to })}, in the days of {zone}
            {jobs.data && `; compared with ${beforeInWords(jobs.data.before, zone)}`}.
          </>
        }
      />
      <Bar filter={filter} question={question} change={change} />
      {jobs.data && isNothing(jobs.data) ? (
        <Empty title="No work in this time">
          With the first jobs there are charts here: what was done, what fails and since when, what was measured, and
          for whom. Choose another time above, or fewer filters.
        </Empty>
      ) : jobs.data ? (
        <div className={classes.grid} data-outdated={jobs.isPlaceholderData || undefined} aria-busy={jobs.isFetching}>
          <JobsPart figures={jobs.data} question={question} />
          <StepsPart question={question} />
          <MeasurementsPart question={question} chosen={filter.measured} choose={measured => change({ measured })} />
          <CustomersPart question={question} />
        </div>
      ) : jobs.isError ? (
        <Failed error={jobs.error} retry={() => void jobs.refetch()} />
      ) : (
        <Loading label="Loading the figures" />
      )}
    </div>
  );
}

type BarProps = { filter: AnalyticsFilter; question: Question; change: (part: AnalyticsFilter) => void };

/** Period, configuration and customer of all charts. */
function Bar({ filter, question, change }: BarProps) {
  const { tag, version, customer } = filter;
  const isNarrowed = tag !== undefined || customer !== undefined;
  return (
    <search className={classes.bar} aria-label="Analytics">
      <SpanFilter
        choice={filter}
        usual={USUAL}
        names={SPANS}
        span={{ first: question.from, last: question.to }}
        onChange={change}
      />
      <TagFilter
        tag={tag}
        onChange={next => change({ tag: next, version: undefined, measured: undefined })}
        isProvider
      />
      {tag !== undefined && (
        <VersionFilter key={tag} tag={tag} version={version} onChange={next => change({ version: next })} />
      )}
      <CustomerFilter customer={customer} onChange={next => change({ customer: next })} hasNobody />
      <SegmentedControl
        aria-label="Days or months"
        data={[
          { value: 'day', label: 'Days', disabled: !hasDays(question) },
          { value: 'month', label: 'Months' },
        ]}
        value={question.by}
        onChange={by => change({ by: by === 'day' ? 'day' : 'month' })}
      />
      {isNarrowed && (
        <Button
          variant="subtle"
          color="gray"
          leftSection={<IconX size={14} />}
          onClick={() => change({ tag: undefined, version: undefined, customer: undefined, measured: undefined })}
        >
          Clear filters
        </Button>
      )}
    </search>
  );
}
