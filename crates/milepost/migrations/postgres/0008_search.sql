-- Lists that would otherwise be read through: by text, and by status in the order of finishing.

-- Three letters each of the texts that jobs are searched by. Where the extension is missing or may not be created, jobs
-- are searched without it, only more slowly: OPERATIONS.md says how to add it later.
do $$
begin
    create extension if not exists pg_trgm;
    create index jobs_by_text on jobs using gin (search_text gin_trgm_ops) with (gin_pending_list_limit = 256);
exception when insufficient_privilege or undefined_file or feature_not_supported or undefined_object then
    raise warning 'jobs are searched without an index: %', sqlerrm;
end $$;

create index jobs_of_provider_by_status_and_finish on jobs (provider_id, status, finished_at, id)
where finished_at is not null;
create index jobs_of_customer_by_status_and_finish on jobs (customer_id, status, finished_at, id)
where finished_at is not null;
