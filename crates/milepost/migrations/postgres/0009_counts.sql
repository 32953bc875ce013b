-- How many jobs of a provider are how, so that nobody has to count them. `milepost rebuild` recounts it.

-- When a running job without news is looked at next, and since when it is silent: the time of its last news. The first
-- does not change with every event, so that the indexes of jobs can be left alone.
alter table jobs add column silence_due timestamptz;
alter table jobs add column silent_since timestamptz;
update jobs set silence_due = coalesce(last_event_at, created_at) where status = 'running';
create index jobs_by_silence_due on jobs (silence_due) where silence_due is not null;

create table job_counts (
    provider_id uuid not null references users,
    what        text not null check (what in ('running', 'silent', 'error')),
    jobs        bigint not null,
    primary key (provider_id, what)
) with (fillfactor = 50);
insert into job_counts (provider_id, what, jobs)
select provider_id, status, count(*) from jobs where status in ('running', 'error') group by provider_id, status;

-- Jobs that finished in a quarter of an hour, which is as fine as time zones are; those that were deleted since count too.
create table job_quarters (
    provider_id uuid not null references users,
    quarter     timestamptz not null,  -- its beginning
    finished    bigint not null,
    primary key (provider_id, quarter)
) with (fillfactor = 50);
insert into job_quarters (provider_id, quarter, finished)
select provider_id, date_bin('15 minutes', finished_at, 'epoch'), count(*)
from (select provider_id, finished_at from jobs where finished_at is not null
      union all
      select provider_id, finished_at from deleted_jobs d
      where finished_at is not null and not exists (select 1 from jobs where jobs.id = d.id)) as finished_jobs
group by 1, 2;

-- By triggers, so that whatever changes a job is counted. They run at the end of a statement: whoever changes several jobs
-- in one takes positions of the log of events in it or before, and so is the only one that counts.
create function count_changed_job() returns trigger language plpgsql as $$
begin
    insert into job_counts as c (provider_id, what, jobs)
    select new.provider_id, v.what, v.jobs
    from (values ('running', (new.status = 'running')::int - (old.status = 'running')::int),
                 ('silent', (new.silent_since is not null)::int - (old.silent_since is not null)::int),
                 ('error', (new.status = 'error')::int - (old.status = 'error')::int)) as v (what, jobs)
    where v.jobs <> 0
    on conflict (provider_id, what) do update set jobs = c.jobs + excluded.jobs;
    insert into job_quarters as q (provider_id, quarter, finished)
    select new.provider_id, date_bin('15 minutes', v.finished_at, 'epoch'), sum(v.finished)
    from (values (old.finished_at, -1), (new.finished_at, 1)) as v (finished_at, finished)
    where v.finished_at is not null and old.finished_at is distinct from new.finished_at
    group by 2 having sum(v.finished) <> 0
    on conflict (provider_id, quarter) do update set finished = q.finished + excluded.finished;
    return null;
end $$;
create trigger job_counted after update of status, finished_at, silent_since on jobs for each row
when (old.status <> new.status or old.finished_at is distinct from new.finished_at
      or (old.silent_since is null) <> (new.silent_since is null))
execute function count_changed_job();

create function count_deleted_job() returns trigger language plpgsql as $$
begin
    insert into job_counts as c (provider_id, what, jobs)
    select old.provider_id, v.what, -1
    from (values (old.status), (case when old.silent_since is not null then 'silent' end)) as v (what)
    where v.what in ('running', 'silent', 'error')
    on conflict (provider_id, what) do update set jobs = c.jobs + excluded.jobs;
    return null;
end $$;
create trigger job_uncounted after delete on jobs for each row execute function count_deleted_job();
