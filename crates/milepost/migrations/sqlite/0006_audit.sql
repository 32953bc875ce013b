-- Who did what, when, and from where. Ids, numbers and words of ours only: nothing here needs rewriting when a person is
-- erased, but for the address.

create table audit_log (
    id         blob primary key,
    tenant_id  blob,  -- whose log it is in; null: the operator's alone. No reference: the log outlives the account.
    created_at text not null,
    action     text not null,
    actor      text not null check (actor in ('user', 'key', 'operator', 'nobody', 'server')),
    actor_id   blob,  -- the account that acted, with a session or a key
    key_id     blob,
    subject    text,  -- what kind of thing it is about
    subject_id blob,
    address    text,
    request_id blob,
    details    text
) strict, without rowid;
create index audit_log_by_time on audit_log (created_at, id);
create index audit_log_of_tenant on audit_log (tenant_id, created_at, id);
create index audit_log_of_tenant_by_action on audit_log (tenant_id, action, created_at, id);
create index audit_log_by_actor on audit_log (actor_id, created_at, id);
create index audit_log_by_subject on audit_log (subject_id, created_at, id);

-- Entries are only added. Erasing a person may take away the address, and nothing else.
create trigger audit_log_is_not_changed before update on audit_log
    when not (new.address is null
        and new.id is old.id and new.tenant_id is old.tenant_id and new.created_at is old.created_at
        and new.action is old.action and new.actor is old.actor and new.actor_id is old.actor_id
        and new.key_id is old.key_id and new.subject is old.subject and new.subject_id is old.subject_id
        and new.request_id is old.request_id and new.details is old.details)
begin
    select raise(abort, 'the audit log is append-only');
end;
create trigger audit_log_is_not_emptied before delete on audit_log
begin
    select raise(abort, 'the audit log is append-only');
end;
-- `insert or replace` deletes what it replaces without asking the trigger above.
create trigger audit_log_is_not_replaced before insert on audit_log
    when exists (select 1 from audit_log where id = new.id)
begin
    select raise(abort, 'the audit log is append-only');
end;
