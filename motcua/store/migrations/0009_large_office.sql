-- What a large office needs to be looked at quickly: what is counted is counted in an index alone.
create index dossiers_that_came on dossiers (submitted_at) include (unit);
create index dossiers_that_went on dossiers (coalesce(ready_at, finished_at))
    include (ready_at, finished_at, timeliness, unit);
create index dossiers_under_way on dossiers (unit, submitted_at) include (due_at, paused_at, outcome, ready_at)
    where outcome is null and ready_at is null;
drop index dossiers_by_end;

-- Most writes to a dossier and its task change no indexed column; with room on the page no index is touched for them.
alter table dossiers set (fillfactor = 80);
alter table tasks set (fillfactor = 80);

-- Bells are read from the terms that were alarmed last; before, from every alarm of every open dossier.
alter table terms add column alarmed_at timestamptz, add column alarm_to text[];
comment on column terms.alarmed_at is 'When its last alarm was to be told; kept by a trigger on occasions.';
comment on column terms.alarm_to is 'For whom its alarms were, in words.';
create index terms_alarmed on terms (alarmed_at, code, id) where alarmed_at is not null;
create index terms_by_alarm on terms using gin (alarm_to) where alarm_to is not null;
create index occasions_of_drafts on occasions (code) where kind = 'apology-drafted';
create index dossiers_with_drafts on dossiers (unit, apology_at) where apology_at is not null;

create function term_alarmed() returns trigger language plpgsql as $$
begin
    update terms set alarmed_at = greatest(alarmed_at, new.tell_at),
                     alarm_to = (select array_agg(distinct w) from unnest(alarm_to || new."to") w)
     where code = new.code and id = new.term;
    return null;
end $$;
create trigger occasions_alarm after insert on occasions
    for each row when (new.rung >= 0) execute function term_alarmed();

update terms t set alarmed_at = o.at, alarm_to = o."to"
  from (select code, term, max(tell_at) as at, array_agg(distinct w) as "to"
          from occasions, unnest("to") w where rung >= 0 group by code, term) o
 where (t.code, t.id) = (o.code, o.term);

-- Connections plan each statement of a page anew (motcua/store/__init__.py); what records does the same every time.
alter function append_facts(jsonb) set plan_cache_mode = auto;
alter function take_in_under(bigint, text, text, text, date, jsonb, jsonb) set plan_cache_mode = auto;
