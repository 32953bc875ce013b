import { getRouteApi } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { EventKind, JobDetail } from '../../api/types';
import { Failed, Loading } from '../../components/States';
import { counted } from '../../model/number';
import { EventList } from './EventList';
import { EventMark, KIND_WORDS } from './EventMark';
import { KINDS } from './filter';
import pageClasses from './JobPage.module.css';
import classes from './Timeline.module.css';
import { useJobEvents } from './useJobEvents';

const route = getRouteApi('/signed-in/jobs/$jobId');

/** What happened, newest first. */
export function Timeline({ job }: { job: JobDetail }) {
  const { kind } = route.useSearch();
  const { data, error, isPending, refetch, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } =
    useJobEvents(job.id, kind);
  const events = useMemo(() => data?.pages.flatMap(page => page.items) ?? [], [data]);
  const steps = useMemo(() => new Map(job.steps.map(step => [step.tag, step])), [job.steps]);
  return (
    <section className={`${pageClasses.panel} ${pageClasses.staying} ${classes.panel}`} aria-labelledby="events">
      <div className={pageClasses.panelHead}>
        <h2 id="events">Events</h2>
        <span className={pageClasses.note}>{counted(job.last_sequence, 'event')}</span>
      </div>
      <KindFilter chosen={kind} />
      {isPending ? (
        <Loading label="Loading the events" />
      ) : error !== null && data === undefined ? (
        <Failed error={error} retry={refetch} />
      ) : events.length === 0 ? (
        <p className="quiet">{kind === undefined ? 'No events yet.' : 'No events of this kind.'}</p>
      ) : (
        <EventList
          events={events}
          steps={steps}
          hasMore={hasNextPage}
          isFetching={isFetchingNextPage}
          hasFailed={isFetchNextPageError}
          onMore={fetchNextPage}
        />
      )}
    </section>
  );
}

/** Which kinds to show; none chosen shows all. It is kept in the address. */
function KindFilter({ chosen }: { chosen: EventKind[] | undefined }) {
  const navigate = route.useNavigate();
  const toggle = (kind: EventKind) => {
    const before = chosen ?? [];
    const next = before.includes(kind) ? before.filter(known => known !== kind) : [...before, kind];
    void navigate({
      search: next.length === 0 ? {} : { kind: KINDS.filter(known => next.includes(known)) },
      replace: true,
      resetScroll: false,
    });
  };
  return (
    <fieldset className={classes.filter} aria-label="Show only events of these kinds">
      {KINDS.map(kind => (
        <button key={kind} type="button" aria-pressed={chosen?.includes(kind) ?? false} onClick={() => toggle(kind)}>
          <EventMark kind={kind} /> {KIND_WORDS[kind]}
        </button>
      ))}
    </fieldset>
  );
}
