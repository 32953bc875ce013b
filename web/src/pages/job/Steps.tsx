import { useQuery, useQueryClient } from '@tanstack/react-query';
import { memo, useEffect, useMemo } from 'react';
import type { Distribution, JobDetail, JobStep } from '../../api/types';
import { isOutdated } from './distribution';
import pageClasses from './JobPage.module.css';
import { distributionsQuery } from './queries';
import { StepRow } from './StepRow';
import classes from './Steps.module.css';

/** More steps than these are laid out only when they come into sight. */
const MANY = 60;

/** The steps in order, with what each measured. */
export function Steps({ job, isProvider }: { job: JobDetail; isProvider: boolean }) {
  const spreads = useSpreads(job, isProvider);
  const finished = job.steps.filter(step => step.status === 'finished').length;
  return (
    <section className={`${pageClasses.panel} ${classes.panel}`} aria-labelledby="steps">
      <div className={pageClasses.panelHead}>
        <h2 id="steps">Steps</h2>
        {job.steps.length > 0 && (
          <span className={pageClasses.note}>
            {finished} of {job.steps.length} finished
          </span>
        )}
      </div>
      {job.steps.length === 0 ? (
        <p className="quiet">This kind of job has no steps. It is done when it says so.</p>
      ) : (
        <ol className={classes.steps} data-many={job.steps.length > MANY || undefined}>
          {job.steps.map((step, index) => (
            <Row key={step.tag} step={step} number={index + 1} spreads={spreads.get(step.tag)} />
          ))}
        </ol>
      )}
    </section>
  );
}

/** Of hundreds of steps an event changes one. */
const Row = memo(StepRow);

type Spreads = Map<string, Map<string, Distribution>>;

/** The distributions by step and name, read again once this job has measured something new. */
function useSpreads(job: { id: string; steps: JobStep[] }, enabled: boolean): Spreads {
  const client = useQueryClient();
  const query = distributionsQuery(job.id, enabled);
  const { data, isFetching } = useQuery(query);
  const outdated = data !== undefined && !isFetching && isOutdated(data.items, job.steps);
  const queryKey = query.queryKey;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is a new array with the same content each time
  useEffect(() => {
    if (outdated) {
      const timer = setTimeout(() => void client.invalidateQueries({ queryKey }), 1_000);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [client, outdated, job.id]);
  return useMemo(() => {
    const spreads: Spreads = new Map();
    for (const item of data?.items ?? []) {
      spreads.set(item.tag, (spreads.get(item.tag) ?? new Map()).set(item.name, item));
    }
    return spreads;
  }, [data]);
}
