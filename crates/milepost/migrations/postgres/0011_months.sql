-- Jobs that have not begun are counted where they are: opening one would have to wait for whoever else adds to the sums.
alter table rollups drop column pending;
alter table deleted_rollups drop column pending;

-- A year for each of many customers is put together of months.
alter table rollups drop constraint rollups_series_check;
alter table rollups add constraint rollups_series_check
    check (series in ('job_quarters', 'job_days', 'job_months', 'step_quarters', 'step_days'));
insert into rollups (provider_id, customer, series, start, configuration, running, completed, error, abandoned,
    finished, failed, hours, steps, points, errors)
select provider_id, customer, 'job_months', date_trunc('month', start, 'UTC'), configuration,
    cast(sum(running) as bigint), cast(sum(completed) as bigint), cast(sum(error) as bigint), cast(sum(abandoned) as bigint),
    cast(sum(finished) as bigint), cast(sum(failed) as bigint), cast(sum(hours) as bigint), cast(sum(steps) as bigint),
    cast(sum(points) as bigint), cast(sum(errors) as bigint)
from rollups where series = 'job_days' group by 1, 2, 4, 5;
