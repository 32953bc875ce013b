import { Button, Group, Switch } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { PageHeading } from '../../components/PageHeading';
import { SpanFilter } from '../../components/SpanFilter';
import { Empty, Failed, Loading } from '../../components/States';
import { useToday } from '../../components/useToday';
import { VersionFilter } from '../../components/VersionFilter';
import { chosenSpan, ownZone, spanInWords } from '../../model/spans';
import { CustomerFilter } from '../jobs/CustomerFilter';
import { StatusFilter } from '../jobs/StatusFilter';
import { TagFilter } from '../jobs/TagFilter';
import { Downloads } from './Downloads';
import { type ReportFilter, reportQuestion, SPANS, USUAL } from './filter';
import { usageQuery } from './queries';
import classes from './Reports.module.css';
import { UsageTable } from './UsageTable';

const route = getRouteApi('/signed-in/provider/reports');

/** What was done for whom, to bill and to take away. */
export function Reports() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const zone = ownZone();
  const today = useToday(zone);
  const span = chosenSpan(filter, USUAL, today);
  const question = reportQuestion(filter, today, zone);
  const isByVersion = filter.by_version === true;
  const usage = useQuery(usageQuery(question, isByVersion));
  const change = (part: ReportFilter) => void navigate({ search: { ...filter, ...part }, resetScroll: false });
  return (
    <div className={classes.page}>
      <PageHeading
        title="Reports"
        lead={`What was done for whom: ${spanInWords(span)}, in the days and months of ${zone}.`}
      />
      <Bar filter={filter} span={span} change={change} />
      <section aria-labelledby="usage" className={classes.panel}>
        <Group justify="space-between">
          <h2 id="usage">Usage</h2>
          <Switch
            label="Versions apart"
            checked={isByVersion}
            onChange={event => change({ by_version: event.currentTarget.checked || undefined })}
          />
        </Group>
        <p className={classes.words}>
          By customer, configuration and month. Points are earned when a step finishes; each row opens to the jobs
          that prove it.
        </p>
        {usage.data ? (
          usage.data.items.length > 0 ? (
            <div data-outdated={usage.isPlaceholderData || undefined} aria-busy={usage.isFetching}>
              <UsageTable usage={usage.data} question={question} />
            </div>
          ) : (
            <Empty title="Nothing was done">There is no work in this time with what is asked for above.</Empty>
          )
        ) : usage.isError ? (
          <Failed error={usage.error} retry={() => void usage.refetch()} />
        ) : (
          <Loading label="Loading the usage" />
        )}
      </section>
      <Downloads question={question} isByVersion={isByVersion} />
    </div>
  );
}

type BarProps = {
  filter: ReportFilter;
  span: ReturnType<typeof chosenSpan>;
  change: (part: ReportFilter) => void;
};

function Bar({ filter, span, change }: BarProps) {
  const { tag, version, customer, status } = filter;
  const isNarrowed = tag !== undefined || customer !== undefined || status !== undefined;
  return (
    <search className={classes.bar} aria-label="Reports">
      <SpanFilter choice={filter} usual={USUAL} names={SPANS} span={span} onChange={change} />
      <CustomerFilter customer={customer} onChange={next => change({ customer: next })} hasNobody />
      <TagFilter tag={tag} onChange={next => change({ tag: next, version: undefined })} isProvider />
      {tag !== undefined && (
        <VersionFilter key={tag} tag={tag} version={version} onChange={next => change({ version: next })} />
      )}
      <StatusFilter statuses={status} onChange={next => change({ status: next.length > 0 ? next : undefined })} />
      {isNarrowed && (
        <Button
          variant="subtle"
          color="gray"
          leftSection={<IconX size={14} />}
          onClick={() => change({ tag: undefined, version: undefined, customer: undefined, status: undefined })}
        >
          Clear filters
        </Button>
      )}
    </search>
  );
}
