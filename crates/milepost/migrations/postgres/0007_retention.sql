-- What is kept of jobs and people, and what is not.

alter table users add column erased_at timestamptz;
alter table customers add column erased_at timestamptz;

-- A retired job takes no more events. Its row loses what names a person at once, its events follow in small steps:
-- `retiring` says what is still under way, `retired_sequence` how far it has got.
alter table jobs add column anonymised_at timestamptz;
alter table jobs add column retiring text check (retiring in ('anonymise', 'delete'));
alter table jobs add column retired_sequence bigint not null default 0;
create index jobs_being_retired on jobs (id) where retiring is not null;
create index jobs_to_anonymise on jobs (provider_id, finished_at, id)
    where finished_at is not null and anonymised_at is null;

-- Events of the hour that have been deleted: the hour counts them still.
alter table event_hours add column deleted_events bigint not null default 0;
alter table event_hours add column deleted_errors bigint not null default 0;

-- What a deleted job counts for. From this row on the job itself, while it is being deleted, does not count any more.
create table deleted_jobs (
    id                   uuid primary key,  -- that of the job
    provider_id          uuid not null references users,
    customer_link_id     uuid,
    job_configuration_id uuid not null,
    status               text not null check (status in ('pending', 'running', 'completed', 'error')),
    points_done          bigint not null,
    points_total         bigint not null,
    steps_finished       bigint not null,
    events               bigint not null,
    errors               bigint not null,
    started_at           timestamptz,
    finished_at          timestamptz,
    deleted_at           timestamptz not null,
    created_at           timestamptz not null,  -- when the job was opened
    updated_at           timestamptz not null,
    foreign key (provider_id, job_configuration_id) references job_configurations (provider_id, id),
    foreign key (provider_id, customer_link_id) references customers (provider_id, id)
);
create index deleted_jobs_of_provider on deleted_jobs (provider_id, finished_at, id);

-- Who was erased, and whether the bytes are gone from the files as well. Names nobody.
create table erasures (
    id         uuid primary key,
    subject_id uuid not null unique,  -- a user or customer link
    erased_at  timestamptz,                  -- null while it is under way
    cleaned_at timestamptz,                  -- null until the files are free of it
    created_at timestamptz not null,
    updated_at timestamptz not null
);
