-- How many jobs of a provider are how, so that nobody has to count them. `milepost rebuild` recounts it.

-- When a running job without news is looked at next, and since when it is silent: the time of its last news. The first
-- does not change with every event, so that PostgreSQL can leave the indexes of jobs alone.
alter table jobs add column silence_due text;
alter table jobs add column silent_since text;
update jobs set silence_due = coalesce(last_event_at, created_at) where status = 'running';
create index jobs_by_silence_due on jobs (silence_due) where silence_due is not null;

create table job_counts (
    provider_id blob not null references users,
    what        text not null check (what in ('running', 'silent', 'error')),
    jobs        integer not null,
    primary key (provider_id, what)
) strict, without rowid;
insert into job_counts (provider_id, what, jobs)
select provider_id, status, count(*) from jobs where status in ('running', 'error') group by provider_id, status;

-- Jobs that finished in a quarter of an hour, which is as fine as time zones are; those that were deleted since count too.
create table job_quarters (
    provider_id blob not null references users,
    quarter     text not null,  -- its beginning, UTC
    finished    integer not null,
    primary key (provider_id, quarter)
) strict, without rowid;
insert into job_quarters (provider_id, quarter, finished)
select provider_id,
    substr(finished_at, 1, 13) || printf(':%02d:00+00:00', cast(substr(finished_at, 15, 2) as integer) / 15 * 15), count(*)
from (select provider_id, finished_at from jobs where finished_at is not null
      union all
      select provider_id, finished_at from deleted_jobs
      where finished_at is not null and id not in (select id from jobs))
group by 1, 2;

-- By triggers, so that whatever changes a job is counted.
create trigger job_counted after update of status, finished_at, silent_since on jobs
when old.status <> new.status or old.finished_at is not new.finished_at
    or (old.silent_since is null) <> (new.silent_since is null)
begin
    insert into job_counts (provider_id, what, jobs)
    select new.provider_id, what, jobs
    from (select 'running' as what, (new.status = 'running') - (old.status = 'running') as jobs
          union all select 'silent', (new.silent_since is not null) - (old.silent_since is not null)
          union all select 'error', (new.status = 'error') - (old.status = 'error'))
    where jobs <> 0
    on conflict (provider_id, what) do update set jobs = jobs + excluded.jobs;
    insert into job_quarters (provider_id, quarter, finished)
    select new.provider_id,
        substr(at, 1, 13) || printf(':%02d:00+00:00', cast(substr(at, 15, 2) as integer) / 15 * 15), finished
    from (select old.finished_at as at, -1 as finished union all select new.finished_at, 1)
    where at is not null and old.finished_at is not new.finished_at
    on conflict (provider_id, quarter) do update set finished = finished + excluded.finished;
end;
create trigger job_uncounted after delete on jobs begin
    insert into job_counts (provider_id, what, jobs)
    select old.provider_id, what, -1
    from (select old.status as what union all select case when old.silent_since is not null then 'silent' end)
    where what in ('running', 'silent', 'error')
    on conflict (provider_id, what) do update set jobs = jobs + excluded.jobs;
end;
