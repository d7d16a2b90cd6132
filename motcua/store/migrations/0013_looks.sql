-- Looks are closed by their numbers, which no clock can move: whoever closes waits for those who are writing.
create function saw(the_person text, the_address text, the_what text, the_code text, the_about text) returns void
language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(7200519037);
    insert into views (person, address, what, code, about) values (the_person, the_address, the_what, the_code, the_about);
end $$;

create function last_look() returns bigint language plpgsql as $$
begin
    perform pg_advisory_xact_lock(7200519037);
    return (select coalesce(max(number), 0) from views);
end $$;

-- Which rows were erased is asked by their ids; what was done lately, and decisions, by time.
create index journal_erased on journal using gin ((data -> 'ids')) where kind = 'erased';
drop index facts_by_time;
create index facts_by_time on facts (at);
create index facts_decided on facts (at) where kind = 'decided';
