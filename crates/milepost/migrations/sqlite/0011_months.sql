-- Jobs that have not begun are counted where they are: opening one would have to wait for whoever else adds to the sums. A
-- year for each of many customers is put together of months.
create table rollups_new (
    provider_id   blob not null references users,
    customer      blob not null,  -- a link; all zeros: jobs of nobody; all ones: all of them together
    series        text not null check (series in (
                      'job_quarters', 'job_days', 'job_months', 'step_quarters', 'step_days'
                  )),
    start         text not null,
    configuration blob not null,  -- of jobs or of a step
    running       integer not null,  -- jobs opened within, by how they are now
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
insert into rollups_new
select provider_id, customer, series, start, configuration, running, completed, error, abandoned, finished, failed, hours,
    steps, points, errors
from rollups;
drop table rollups;
alter table rollups_new rename to rollups;
alter table deleted_rollups drop column pending;

insert into rollups (provider_id, customer, series, start, configuration, running, completed, error, abandoned,
    finished, failed, hours, steps, points, errors)
select provider_id, customer, 'job_months', substr(start, 1, 7) || '-01T00:00:00+00:00', configuration,
    sum(running), sum(completed), sum(error), sum(abandoned),
    sum(finished), sum(failed), sum(hours), sum(steps),
    sum(points), sum(errors)
from rollups where series = 'job_days' group by 1, 2, 4, 5;
