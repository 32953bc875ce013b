-- Who uses Milepost: users, their sessions and keys, and which customers belong to which provider.

create table users (
    id           uuid primary key,
    role         text not null check (role in ('customer', 'provider')),
    email        text not null unique,  -- kept in lower case: one address, one account
    password     text not null,         -- argon2id in the PHC format, never the password
    first_name   text not null,
    last_name    text not null,
    organization text,
    disabled_at  timestamptz,
    created_at   timestamptz not null,
    updated_at   timestamptz not null
);
create index users_by_creation on users (created_at, id);

create table sessions (
    id         uuid primary key,
    user_id    uuid not null references users on delete cascade,
    token_hash bytea not null unique,
    expires_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index sessions_of_user on sessions (user_id);
create index sessions_by_expiry on sessions (expires_at);

create table api_keys (
    id           uuid primary key,
    user_id      uuid not null references users on delete cascade,
    key          bytea not null unique, -- SHA-256 of the key
    prefix       text not null,         -- the visible beginning of it
    note         text not null,
    scope        text not null check (scope in ('write', 'read')),
    expires_at   timestamptz,
    lifetime     bigint,                -- microseconds it was made for; null for ever. Rotation gives it on.
    last_used_at timestamptz,
    created_at   timestamptz not null,
    updated_at   timestamptz not null
);
create index api_keys_of_user on api_keys (user_id, created_at, id);

create table customers (
    id                    uuid primary key,
    provider_id           uuid not null references users,
    customer_id           uuid references users,  -- null until the invitation is accepted, and again once unlinked
    email                 text not null,
    invitation_hash       bytea unique,
    invitation_expires_at timestamptz,
    unlinked_at           timestamptz,
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    unique (provider_id, email),
    unique (provider_id, id),
    unique (id, customer_id),
    check (customer_id is null or (invitation_hash is null and unlinked_at is null)),
    check (unlinked_at is null or invitation_hash is null)
);
create index customers_by_creation on customers (provider_id, created_at, id);
create index customers_of_user on customers (customer_id);
