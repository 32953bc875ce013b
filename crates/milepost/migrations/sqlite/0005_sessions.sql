-- Sessions that end without use and that their owner can look at; and how much of the password attempts is used up.

-- What the release before begins lasts its 14 days, used or not, so its sessions count as remembered.
alter table sessions add column remembered integer not null default 1;
alter table sessions add column last_used_at text;  -- null: not since it began, as far as is known
alter table sessions add column address text;
alter table sessions add column user_agent text;

create table throttles (
    subject    blob primary key,   -- SHA-256 of what is limited: neither an address nor an e-mail stands here
    used_until integer not null    -- microseconds since 1970: when all that was taken is given back
) strict;
create index throttles_by_end on throttles (used_until);
