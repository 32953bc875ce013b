-- Jobs, what happened to them, and what follows from it.

-- Where the log of all events and the log of access changes have got to. A transaction takes its place last, holding the
-- row until it commits: positions are given in the order of the commits, without gaps, whatever number of servers writes.
create table log_positions (
    log      text primary key check (log in ('events', 'access')),
    position bigint not null
);
insert into log_positions (log, position) values ('events', 0), ('access', 0);

create table jobs (
    id                     uuid primary key,
    provider_id            uuid not null references users,
    customer_id            uuid,  -- who sees it: null while the invitation is open, after unlinking, or for nobody
    customer_link_id       uuid,  -- for whom it was opened
    job_configuration_id   uuid not null,
    provider_job_id        text not null,
    provider_job_name      text not null,
    search_text            text not null,  -- id and name in lower case
    -- derived from the events, see progress.rs
    status                 text not null check (status in ('pending', 'running', 'completed', 'error')),
    points_done            bigint not null,
    points_total           bigint not null,
    weight_done_millionths bigint not null,
    weight_total           bigint not null,
    steps_total            bigint not null,
    steps_finished         bigint not null,
    steps_in_error         bigint not null,
    started_at             timestamptz,
    finished_at            timestamptz,
    last_event_at          timestamptz,
    last_sequence          bigint not null,
    last_step_at           timestamptz,
    last_complete_at       timestamptz,
    outcome_at             timestamptz,
    outcome_sequence       bigint,
    outcome_is_error       boolean,
    created_at             timestamptz not null,
    updated_at             timestamptz not null,
    unique (provider_id, provider_job_id),
    unique (provider_id, id),
    unique (id, job_configuration_id),
    foreign key (provider_id, job_configuration_id) references job_configurations (provider_id, id),
    foreign key (provider_id, customer_link_id) references customers (provider_id, id),
    -- Only a linked customer sees a job: unlinking without hiding the jobs is refused by the database itself.
    foreign key (customer_link_id, customer_id) references customers (id, customer_id),
    check (customer_id is null or customer_link_id is not null)
);
create index jobs_of_provider on jobs (provider_id, created_at, id);
create index jobs_of_provider_by_status on jobs (provider_id, status, created_at, id);
create index jobs_of_customer on jobs (customer_id, created_at, id);
create index jobs_of_customer_by_status on jobs (customer_id, status, created_at, id);
create index jobs_of_customer_by_provider_id on jobs (customer_id, provider_job_id);
create index jobs_of_link on jobs (customer_link_id, created_at, id);
create index jobs_of_configuration on jobs (job_configuration_id, created_at, id);

create table events (
    id                    uuid primary key,
    provider_id           uuid not null,
    job_id                uuid not null,
    kind                  text not null check (kind in ('step', 'error', 'info', 'complete')),
    name                  text,
    step_configuration_id uuid,
    event_metadata        jsonb,
    sequence              bigint not null check (sequence > 0),
    position              bigint not null unique,  -- in the log of all events, in the order of the commits
    occurred_at           timestamptz not null,
    fraction              bigint check (fraction between 0 and 1000000),  -- millionths
    idempotency_key       text,
    request_hash          bytea,  -- SHA-256 of the request that the key stands for
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    unique (job_id, sequence),
    foreign key (provider_id, job_id) references jobs (provider_id, id),
    check ((idempotency_key is null) = (request_hash is null)),
    check (kind <> 'step' or step_configuration_id is not null),
    check (fraction is null or step_configuration_id is not null)
);
create unique index events_by_idempotency_key on events (job_id, idempotency_key) where idempotency_key is not null;
create index events_of_job on events (job_id, occurred_at, sequence);
create index events_of_provider on events (provider_id, position);
create index events_of_job_by_position on events (job_id, position);

create table job_steps (
    id                    uuid primary key,
    job_id                uuid not null,
    job_configuration_id  uuid not null,
    step_configuration_id uuid not null,
    status                text not null check (status in ('running', 'finished', 'error')),
    started_at            timestamptz not null,  -- its earliest event
    started_sequence      bigint not null,
    finished_at           timestamptz,
    finished_sequence     bigint,
    attempts              bigint not null,
    errors                bigint not null,
    fraction              bigint not null check (fraction between 0 and 1000000),  -- the greatest reported, millionths
    latest_at             timestamptz not null,
    latest_sequence       bigint not null,
    latest_is_error       boolean not null,
    outcome_at            timestamptz,
    outcome_sequence      bigint,
    outcome_is_error      boolean,
    metadata              jsonb not null,  -- name -> {value, at, sequence}
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    unique (job_id, step_configuration_id),
    foreign key (job_id, job_configuration_id) references jobs (id, job_configuration_id),
    foreign key (job_configuration_id, step_configuration_id) references step_configurations (job_configuration_id, id)
);

-- An event names only a step of its own job's configuration.
alter table events add foreign key (job_id, step_configuration_id) references job_steps (job_id, step_configuration_id);

-- Whose rights changed: servers read it to end streams that are no longer allowed. Kept for an hour.
create table access_changes (
    position   bigint primary key,
    subject_id uuid not null,  -- a user, session, api key, job or customer link
    created_at timestamptz not null
);
create index access_changes_by_age on access_changes (created_at);
