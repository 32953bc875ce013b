-- What the lists and the dashboard read without counting or sorting everything.

-- How many events of a provider arrived in each hour, kept with the events. `milepost rebuild` recounts it.
create table event_hours (
    id          uuid primary key,
    provider_id uuid not null references users,
    hour        timestamptz not null,  -- its beginning, UTC
    events      bigint not null,
    errors      bigint not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    unique (provider_id, hour)
);
insert into event_hours (id, provider_id, hour, events, errors, created_at, updated_at)
select (lpad(to_hex(cast(extract(epoch from hour) * 1000 as bigint)), 12, '0') || '7'
        || substr(replace(cast(gen_random_uuid() as text), '-', ''), 30) || '8'
        || substr(replace(cast(gen_random_uuid() as text), '-', ''), 18))::uuid,
    provider_id, hour, count(*), count(*) filter (where kind = 'error'), min(created_at), max(created_at)
from (select provider_id, kind, created_at, date_trunc('hour', created_at, 'UTC') as hour from events) by_hour
group by provider_id, hour;

-- Nothing here changes with every event: PostgreSQL can then leave the indexes of jobs alone.
create index jobs_of_provider_by_start on jobs (provider_id, coalesce(started_at, created_at), id);
create index jobs_of_customer_by_start on jobs (customer_id, coalesce(started_at, created_at), id);
create index jobs_of_provider_by_status_and_start on jobs (provider_id, status, coalesce(started_at, created_at), id);
create index jobs_of_customer_by_status_and_start on jobs (customer_id, status, coalesce(started_at, created_at), id);
create index jobs_of_provider_by_finish on jobs (provider_id, finished_at, id) where finished_at is not null;
create index jobs_of_customer_by_finish on jobs (customer_id, finished_at, id) where finished_at is not null;
create index jobs_of_customer_by_configuration on jobs (customer_id, job_configuration_id, created_at, id);
