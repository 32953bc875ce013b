-- Who did what, when, and from where. Ids, numbers and words of ours only: nothing here needs rewriting when a person is
-- erased, but for the address.

create table audit_log (
    id         uuid primary key,
    tenant_id  uuid,  -- whose log it is in; null: the operator's alone. No reference: the log outlives the account.
    created_at timestamptz not null,
    action     text not null,
    actor      text not null check (actor in ('user', 'key', 'operator', 'nobody', 'server')),
    actor_id   uuid,  -- the account that acted, with a session or a key
    key_id     uuid,
    subject    text,  -- what kind of thing it is about
    subject_id uuid,
    address    text,
    request_id uuid,
    details    jsonb
);
create index audit_log_by_time on audit_log (created_at, id);
create index audit_log_of_tenant on audit_log (tenant_id, created_at, id);
create index audit_log_of_tenant_by_action on audit_log (tenant_id, action, created_at, id);
create index audit_log_by_actor on audit_log (actor_id, created_at, id);
create index audit_log_by_subject on audit_log (subject_id, created_at, id);

-- Entries are only added. Erasing a person may take away the address, and nothing else.
create function refuse_to_change_the_audit_log() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        old.address := null;
        if new is not distinct from old then
            return new;
        end if;
    end if;
    raise exception 'the audit log is append-only' using errcode = 'restrict_violation';
end $$;
create trigger audit_log_is_append_only before update or delete on audit_log
    for each row execute function refuse_to_change_the_audit_log();
create trigger audit_log_is_not_emptied before truncate on audit_log
    for each statement execute function refuse_to_change_the_audit_log();
