-- What the lists and the dashboard read without counting or sorting everything.

-- How many events of a provider arrived in each hour, kept with the events. `milepost rebuild` recounts it.
create table event_hours (
    id          blob primary key,
    provider_id blob not null references users,
    hour        text not null,  -- its beginning, UTC
    events      integer not null,
    errors      integer not null,
    created_at  text not null,
    updated_at  text not null,
    unique (provider_id, hour)
) strict;
insert into event_hours (id, provider_id, hour, events, errors, created_at, updated_at)
select unhex(printf('%012x', unixepoch(hour) * 1000) || '7' || substr(hex(randomblob(2)), 2)
             || '8' || substr(hex(randomblob(8)), 2)),
    provider_id, hour, count(*), sum(kind = 'error'), min(created_at), max(created_at)
from (select provider_id, kind, created_at,
          substr(created_at, 1, 10) || 'T' || substr(created_at, 12, 2) || ':00:00+00:00' as hour
      from events)
group by provider_id, hour;

-- Nothing here changes with every event: PostgreSQL can then leave the indexes of jobs alone.
create index jobs_of_provider_by_start on jobs (provider_id, coalesce(started_at, created_at), id);
create index jobs_of_customer_by_start on jobs (customer_id, coalesce(started_at, created_at), id);
create index jobs_of_provider_by_status_and_start on jobs (provider_id, status, coalesce(started_at, created_at), id);
create index jobs_of_customer_by_status_and_start on jobs (customer_id, status, coalesce(started_at, created_at), id);
create index jobs_of_provider_by_finish on jobs (provider_id, finished_at, id) where finished_at is not null;
create index jobs_of_customer_by_finish on jobs (customer_id, finished_at, id) where finished_at is not null;
create index jobs_of_customer_by_configuration on jobs (customer_id, job_configuration_id, created_at, id);
