-- What is reported and billed, summed up with the events, and how long steps took. `milepost rebuild` recounts both.

-- Sums over quarters of an hour, which is as fine as time zones are, and over days, UTC, of which longer spans are put
-- together. Each is there for the customer and once more for all of them.
create table rollups (
    provider_id   blob not null references users,
    customer      blob not null,  -- a link; all zeros: jobs of nobody; all ones: all of them together
    series        text not null check (series in ('job_quarters', 'job_days', 'step_quarters', 'step_days')),
    start         text not null,
    configuration blob not null,  -- of jobs or of a step
    pending       integer not null,  -- jobs opened within, by how they are now
    running       integer not null,
    completed     integer not null,
    error         integer not null,
    abandoned     integer not null,  -- opened within, anonymised before they had ended
    finished      integer not null,  -- jobs that finished within
    failed        integer not null,  -- jobs in error, of which the last error was within
    hours         integer not null,  -- from start to end of those that finished, each in whole ten-thousandths
    steps         integer not null,  -- steps that were finished within
    points        integer not null,  -- what these are worth
    errors        integer not null,  -- errors within
    primary key (provider_id, customer, series, start, configuration)
) strict, without rowid;

-- What deleted jobs count for in them, by quarters.
create table deleted_rollups (
    job_id        blob not null references deleted_jobs,
    provider_id   blob not null references users,
    customer      blob not null,
    series        text not null check (series in ('job_quarters', 'step_quarters')),
    start         text not null,
    configuration blob not null,
    pending       integer not null,
    running       integer not null,
    completed     integer not null,
    error         integer not null,
    abandoned     integer not null,
    finished      integer not null,
    failed        integer not null,
    hours         integer not null,
    steps         integer not null,
    points        integer not null,
    errors        integer not null,
    primary key (job_id, series, start, configuration)
) strict, without rowid;
create index deleted_rollups_of_provider on deleted_rollups (provider_id, start);

-- Of jobs that were deleted before there were these sums it is not known when their steps finished: when the job did.
insert into deleted_rollups (job_id, provider_id, customer, series, start, configuration, pending, running,
    completed, error, abandoned, finished, failed, hours, steps, points, errors)
select id, provider_id, coalesce(customer_link_id, x'00000000000000000000000000000000'), 'job_quarters', start,
    job_configuration_id, sum(pending), sum(running), sum(completed), sum(error), sum(abandoned), sum(finished),
    sum(failed), sum(hours), sum(steps), sum(points), sum(errors)
from (select id, provider_id, customer_link_id, job_configuration_id, substr(created_at, 1, 13) ||
    printf(':%02d:00+00:00', cast(substr(created_at, 15, 2) as integer) / 15 * 15) as start,
          0 as pending, 0 as running, case when status = 'completed' then 1 else 0 end as completed, case when
              status = 'error' then 1 else 0 end as error,
          case when status in ('pending', 'running') then 1 else 0 end as abandoned, 0 as finished, 0 as failed, 0
              as hours,
          0 as steps, 0 as points, 0 as errors
      from deleted_jobs
      union all
      select id, provider_id, customer_link_id, job_configuration_id, substr(coalesce(finished_at, started_at,
          created_at), 1, 13) || printf(':%02d:00+00:00', cast(substr(coalesce(finished_at, started_at, created_at), 15,
          2) as integer) / 15 * 15),
          0, 0, 0, 0, 0, case when finished_at is not null then 1 else 0 end, case when status = 'error' then 1 else
              0 end,
          coalesce(((unixepoch(substr(finished_at, 1, 19)) * 1000000
        + cast(substr(replace(substr(finished_at, 20), '+00:00', '') || '000000', 2, 6) as integer)) -
            (unixepoch(substr(started_at, 1, 19)) * 1000000
        + cast(substr(replace(substr(started_at, 20), '+00:00', '') || '000000', 2, 6) as integer)) + 180000) /
            360000, 0),
          steps_finished, points_done, errors
      from deleted_jobs) as told
group by 1, 2, 3, 4, 5, 6;

with told (provider_id, customer, of_steps, at, configuration, pending, running, completed, error, abandoned,
    finished, failed, hours, steps, points, errors) as (
    select provider_id, customer_link_id, false, created_at, job_configuration_id,
        case when status = 'pending' and anonymised_at is null then 1 else 0 end,
        case when status = 'running' and anonymised_at is null then 1 else 0 end,
        case when status = 'completed' then 1 else 0 end, case when status = 'error' then 1 else 0 end,
        case when status in ('pending', 'running') and anonymised_at is not null then 1 else 0 end, 0, 0, 0, 0, 0, 0
    from jobs where not exists (select 1 from deleted_jobs d where d.id = jobs.id)
    union all
    select provider_id, customer_link_id, false, finished_at, job_configuration_id,
        0, 0, 0, 0, 0, 1, 0, ((unixepoch(substr(finished_at, 1, 19)) * 1000000
        + cast(substr(replace(substr(finished_at, 20), '+00:00', '') || '000000', 2, 6) as integer)) -
            (unixepoch(substr(started_at, 1, 19)) * 1000000
        + cast(substr(replace(substr(started_at, 20), '+00:00', '') || '000000', 2, 6) as integer)) + 180000) /
            360000, 0, 0, 0
    from jobs where not exists (select 1 from deleted_jobs d where d.id = jobs.id) and finished_at is not null
    union all
    select provider_id, customer_link_id, false, outcome_at, job_configuration_id, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0
    from jobs where not exists (select 1 from deleted_jobs d where d.id = jobs.id) and status = 'error'
    union all
    select jobs.provider_id, customer_link_id, levels.of_steps, s.finished_at,
        case when levels.of_steps then s.step_configuration_id else s.job_configuration_id end, 0, 0, 0, 0, 0, 0, 0,
            0, 1, c.points, 0
    from job_steps s join jobs on jobs.id = s.job_id join step_configurations c on c.id = s.step_configuration_id
    cross join (select false as of_steps union all select true) as levels
    where not exists (select 1 from deleted_jobs d where d.id = jobs.id) and s.finished_at is not null
    union all
    select jobs.provider_id, customer_link_id, levels.of_steps, e.occurred_at,
        case when levels.of_steps then e.step_configuration_id else jobs.job_configuration_id end, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 1
    from events e join jobs on jobs.id = e.job_id cross join (select false as of_steps union all select true) as levels
    where not exists (select 1 from deleted_jobs d where d.id = jobs.id) and e.kind = 'error' and (not
        levels.of_steps or e.step_configuration_id is not null)
), quarters as (
    select provider_id, coalesce(customer_link_id, x'00000000000000000000000000000000') as customer, of_steps,
        start, configuration, pending, running, completed, error, abandoned, finished, failed, hours, steps, points,
        errors
    from (select provider_id, customer as customer_link_id, of_steps, substr(at, 1, 13) || printf(':%02d:00+00:00',
        cast(substr(at, 15, 2) as integer) / 15 * 15) as start, configuration, pending, running, completed, error,
        abandoned, finished, failed, hours, steps, points, errors from told) as at_quarters
    union all
    select provider_id, customer, false, start, configuration, pending, running, completed, error, abandoned,
        finished, failed, hours, steps, points, errors from deleted_rollups
)
insert into rollups (provider_id, customer, series, start, configuration, pending, running, completed, error,
    abandoned, finished, failed, hours, steps, points, errors)
select provider_id, case when scopes.is_all then x'ffffffffffffffffffffffffffffffff' else customer end,
    case when of_steps then 'step_' else 'job_' end || grains.grain,
    case when grains.grain = 'days' then substr(start, 1, 10) || 'T00:00:00+00:00' else start end, configuration,
        sum(pending), sum(running), sum(completed), sum(error), sum(abandoned), sum(finished), sum(failed), sum(hours),
        sum(steps), sum(points), sum(errors)
from quarters cross join (select false as is_all union all select true) as scopes
cross join (select 'quarters' as grain union all select 'days') as grains
group by 1, 2, 3, 4, 5;

-- How long finished steps took, and how long jobs went on from there: each job by itself, put together from its events a
-- moment after they were written. The step of all zeros is the job as a whole.
create table durations (
    job_id                blob not null,
    step_configuration_id blob not null,
    job_configuration_id  blob not null,
    provider_id           blob not null references users,
    customer_link_id      blob,
    finished_at           text not null,
    duration              integer not null,  -- microseconds
    remaining             integer,           -- microseconds from here to the end of the job, once it is completed
    primary key (job_id, step_configuration_id)
) strict, without rowid;
create index durations_of_step on durations (job_configuration_id, step_configuration_id, finished_at, duration,
    remaining);
create index durations_of_customer on durations (customer_link_id, job_configuration_id, step_configuration_id,
    finished_at, duration);

-- How far those have got that follow the log of all events in the background.
create table followers (
    follower text primary key,
    position integer not null
) strict, without rowid;
insert into followers (follower, position) values ('durations', 0);

-- Jobs that were found to be silent, in the log of all events; kept for a week.
create table silences (
    position     integer primary key,
    provider_id  blob not null references users,
    job_id       blob not null,
    silent_since text not null,
    created_at   text not null
) strict;
create index silences_by_age on silences (created_at);
create index silences_of_job on silences (job_id, position);
create index silences_of_provider on silences (provider_id, position);

-- They are few among those that are running.
create index silent_jobs_of_provider on jobs (provider_id, created_at, id) where silent_since is not null;
create index silent_jobs_of_customer on jobs (customer_id, created_at, id) where silent_since is not null;
-- What was to be looked at an hour after its last news may be silent much sooner.
update jobs set silence_due = coalesce(last_event_at, created_at) where silence_due is not null;

-- What a provider decides for all versions of a configuration.
create table configuration_settings (
    provider_id   blob not null references users,
    tag           text not null,
    silence_limit integer,  -- seconds without news; null: as long as steps usually take
    created_at    text not null,
    updated_at    text not null,
    primary key (provider_id, tag)
) strict, without rowid;
