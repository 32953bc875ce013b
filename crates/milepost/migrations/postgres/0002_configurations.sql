-- What kinds of job there are: immutable, versioned, each a list of weighted steps with typed metadata.

create table job_configurations (
    id          uuid primary key,
    provider_id uuid not null references users,
    tag         text not null,
    name        text not null,
    version     text not null,
    precedence  bytea not null,  -- SemVer precedence as bytes that sort: see configurations/version.rs
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    unique (provider_id, tag, version),
    unique (provider_id, id)
);
create index job_configurations_by_precedence on job_configurations (provider_id, tag, precedence, created_at, id);

create table step_configurations (
    id                   uuid primary key,
    job_configuration_id uuid not null references job_configurations,
    tag                  text not null,
    name                 text not null,
    points               bigint not null check (points between 0 and 1000000),
    position             bigint not null,
    created_at           timestamptz not null,
    updated_at           timestamptz not null,
    unique (job_configuration_id, tag),
    unique (job_configuration_id, id),
    unique (job_configuration_id, position)
);

create table metadata_configurations (
    id                    uuid primary key,
    step_configuration_id uuid not null references step_configurations,
    kind                  text not null check (kind in ('text', 'number', 'link')),
    name                  text not null,
    units                 text,
    position              bigint not null,
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    unique (step_configuration_id, name),
    unique (step_configuration_id, position)
);
