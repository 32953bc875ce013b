-- Lists that would otherwise be read through: by text, and by status in the order of finishing.

-- Three letters each of the texts that jobs are searched by. A row of the index has a number of its own, since those that
-- SQLite gives the rows of jobs may change when the file is copied.
create table job_texts (
    number integer primary key,
    job_id blob not null unique references jobs
) strict;
create virtual table job_trigrams using fts5 (search_text, tokenize = 'trigram case_sensitive 1');
-- What is deleted is overwritten in the index as well.
insert into job_trigrams (job_trigrams, rank) values ('secure-delete', 1);
insert into job_texts (job_id) select id from jobs order by created_at, id;
insert into job_trigrams (rowid, search_text)
select job_texts.number, jobs.search_text from job_texts join jobs on jobs.id = job_texts.job_id;

-- By triggers, so that a server of the release before keeps it up as well.
create trigger job_text_added after insert on jobs begin
    insert into job_texts (job_id) values (new.id);
    insert into job_trigrams (rowid, search_text)
    select number, new.search_text from job_texts where job_id = new.id;
end;
create trigger job_text_changed after update of search_text on jobs when new.search_text <> old.search_text begin
    update job_trigrams set search_text = new.search_text
    where rowid = (select number from job_texts where job_id = new.id);
end;
create trigger job_text_removed before delete on jobs begin
    delete from job_trigrams where rowid = (select number from job_texts where job_id = old.id);
    delete from job_texts where job_id = old.id;
end;

create index jobs_of_provider_by_status_and_finish on jobs (provider_id, status, finished_at, id)
where finished_at is not null;
create index jobs_of_customer_by_status_and_finish on jobs (customer_id, status, finished_at, id)
where finished_at is not null;
