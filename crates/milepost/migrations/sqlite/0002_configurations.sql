-- What kinds of job there are: immutable, versioned, each a list of weighted steps with typed metadata.

create table job_configurations (
    id          blob primary key,
    provider_id blob not null references users,
    tag         text not null,
    name        text not null,
    version     text not null,
    precedence  blob not null,  -- SemVer precedence as bytes that sort: see configurations/version.rs
    created_at  text not null,
    updated_at  text not null,
    unique (provider_id, tag, version),
    unique (provider_id, id)
) strict;
create index job_configurations_by_precedence on job_configurations (provider_id, tag, precedence, created_at, id);

create table step_configurations (
    id                   blob primary key,
    job_configuration_id blob not null references job_configurations,
    tag                  text not null,
    name                 text not null,
    points               integer not null check (points between 0 and 1000000),
    position             integer not null,
    created_at           text not null,
    updated_at           text not null,
    unique (job_configuration_id, tag),
    unique (job_configuration_id, id),
    unique (job_configuration_id, position)
) strict;

create table metadata_configurations (
    id                    blob primary key,
    step_configuration_id blob not null references step_configurations,
    kind                  text not null check (kind in ('text', 'number', 'link')),
    name                  text not null,
    units                 text,
    position              integer not null,
    created_at            text not null,
    updated_at            text not null,
    unique (step_configuration_id, name),
    unique (step_configuration_id, position)
) strict;
